"""Write config/monitoring/dashboards from scripts/dashboard_*.py, or with --check compare them.

They name no data source: each has a variable for it, so that they work wherever they are imported.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scripts.dashboard_delivery import DELIVERY
from scripts.dashboard_limits import LIMITS
from scripts.dashboard_overview import OVERVIEW
from scripts.generated_page import write_or_check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.dashboard_records import Dashboard, Panel, Query

FOLDER: Final = Path(__file__).parents[1] / "config" / "monitoring" / "dashboards"
SCHEMA_VERSION: Final = 39
"""That of Grafana 11; newer ones take it and migrate it."""
_COLUMNS: Final = 24
_HEIGHTS: Final = {"stat": 4, "timeseries": 8, "table": 8}
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def texts() -> dict[Path, str]:
    """The text of each file by its path."""
    return {
        FOLDER / f"{one.name}.json": json.dumps(document(one), indent=2, ensure_ascii=False) + "\n"
        for one in (OVERVIEW, LIMITS, DELIVERY)
    }


def document(dashboard: Dashboard) -> dict[str, Any]:
    """Return a dashboard as Grafana imports it."""
    return {
        "uid": f"kuadrant-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["kuadrant"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "links": [
            {
                "type": "dashboards",
                "title": "Kuadrant",
                "tags": ["kuadrant"],
                "asDropdown": True,
                "includeVars": False,
                "keepTime": True,
            }
        ],
        "templating": {"list": [_datasource(), *(_choice(*one) for one in dashboard.choices.items())]},
        "panels": [*_panels(dashboard)],
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _choice(label: str, metric: str) -> dict[str, Any]:
    query = f"label_values({metric}, {label})"
    return {
        "name": label,
        "label": label.replace("_", " "),
        "type": "query",
        "datasource": _SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "A"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    """Yield rows and panels, each where the one before leaves room."""
    number, y = 0, 0
    for title, panels in dashboard.rows.items():
        number += 1
        place = {"x": 0, "y": y, "w": _COLUMNS, "h": 1}
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        x, y, height = 0, y + 1, 0
        for panel in panels:
            number += 1
            if x + panel.width > _COLUMNS:
                x, y, height = 0, y + height, 0
            place = {"x": x, "y": y, "w": panel.width, "h": _HEIGHTS[panel.kind]}
            yield {"id": number, "gridPos": place, **_panel(panel)}
            x, height = x + panel.width, max(height, _HEIGHTS[panel.kind])
        y += height


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.tells,
        "datasource": _SOURCE,
        "targets": [_target(panel, place, query) for place, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": {"unit": panel.unit, **_thresholds(panel)}, "overrides": []},
        "options": _OPTIONS[panel.kind],
        **({"transformations": _OF_TABLE} if panel.kind == "table" else {}),
    }


def _target(panel: Panel, place: int, query: Query) -> dict[str, Any]:
    is_now = panel.kind != "timeseries"
    return {
        "refId": chr(ord("A") + place),
        "datasource": _SOURCE,
        "expr": query.expression,
        "legendFormat": query.legend,
        "instant": is_now,
        "range": not is_now,
        **({"format": "table"} if panel.kind == "table" else {}),
    }


def _thresholds(panel: Panel) -> dict[str, Any]:
    """Colour a number red where all is not well; the number itself says so, too."""
    if panel.good is None:
        return {}
    below, above = ("red", "green") if panel.least else ("green", "red")
    value = panel.good if panel.least else panel.good + 1e-9
    steps = [{"color": below, "value": None}, {"color": above, "value": value}]
    return {"color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": steps}}


_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "none"},
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "table": {"showHeader": True},
}
_OF_TABLE: Final = [{"id": "organize", "options": {"excludeByName": {"Time": True, "Value": True}}}]


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    if set(FOLDER.iterdir()) - texts().keys():
        sys.exit(f"{FOLDER}: holds files that are not made")
    for path, text in texts().items():
        write_or_check(path, text, "scripts/dashboard_*.py")
