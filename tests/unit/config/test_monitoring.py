"""Alerts and dashboards that are shipped stand on metrics and labels that there are.

What there is, is on docs/metrics.md, which is held to what the processes tell.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import promql_parser
import pytest
import yaml

from kuadrant.api.crd import custom_resource_definitions
from scripts import generate_dashboards
from scripts.generate_chart import CHART
from scripts.generate_metrics import sections

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[3]
FOLDER: Final = ROOT / "config/monitoring"
RUNBOOKS: Final = ROOT / "docs/runbooks.md"
TOLD: Final = {one.name: one for all_ in sections().values() for one in all_}
OF_TARGETS: Final = {"namespace", "pod"}
"""Labels that Prometheus gives each series of a target of its operator."""


class Read(NamedTuple):
    """The metrics of an expression with the labels that are asked of each, and all labels that it names."""

    metrics: dict[str, set[str]]
    labels: set[str]


def read(expression: str) -> Read:
    """Parse an expression; variables of a dashboard are texts there."""
    metrics: dict[str, set[str]] = {}
    labels: set[str] = set()

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            asked = {one.name: one.value for one in node.matchers.matchers}
            pattern = asked.pop("__name__", "")
            for name in [node.name] if node.name else [one for one in TOLD if re.fullmatch(pattern, one)]:
                metrics.setdefault(name, set()).update(asked)
            labels.update(asked)
        elif isinstance(node, promql_parser.MatrixSelector):
            visit(node.vector_selector)
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            labels.update(node.modifier.labels)
        elif isinstance(node, promql_parser.BinaryExpr) and node.modifier is not None:
            matching = node.modifier.matching
            labels.update([] if matching is None else matching.labels)
            labels.update(node.modifier.group_labels or [])

    promql_parser.walk(promql_parser.parse(expression), visit)
    return Read(metrics, labels)


def base(metric: str) -> str:
    """The name on the page: a histogram is told as three."""
    found = re.sub(r"_(bucket|sum|count)$", "", metric)
    return found if TOLD.get(found, TOLD["limitador_up"]).type == "histogram" else metric


def rules() -> list[dict[str, Any]]:
    (document,) = yaml.safe_load_all((FOLDER / "prometheus_rule.yaml").read_text())
    assert (document["apiVersion"], document["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    return [rule for group in document["spec"]["groups"] for rule in group["rules"]]


def dashboards() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "dashboards").iterdir())}


def targets() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each expression of a dashboard, by where it is."""
    for name, document in dashboards().items():
        for panel in document["panels"]:
            for target in panel.get("targets", ()):
                yield f"{name}: {panel['title']}, {target['refId']}", target


EXPRESSIONS: Final = {
    **{rule["alert"]: rule["expr"] for rule in rules()},
    **{place: target["expr"] for place, target in targets()},
}


@pytest.mark.parametrize("place", EXPRESSIONS)
def test_every_metric_of_an_expression_is_told_and_has_the_labels_that_are_asked(place: str) -> None:
    found = read(EXPRESSIONS[place])
    assert found.metrics
    have = {"le"} | OF_TARGETS
    for metric, asked in found.metrics.items():
        assert base(metric) in TOLD, "no process tells it: see docs/metrics.md"
        labels = set(TOLD[base(metric)].labels)
        assert asked <= labels
        have |= labels
    assert found.labels <= have


def test_a_histogram_is_asked_by_its_series_and_a_counter_by_how_it_grows() -> None:
    for place, expression in EXPRESSIONS.items():
        for metric in read(expression).metrics:
            told = TOLD[base(metric)]
            assert (told.type == "histogram") == (metric != told.name), place
            is_counter = told.type in {"counter", "untyped", "histogram"}
            growing = re.search(rf"({metric}|{{__name__)[^\s]*( [^\s]*}})?\[", expression)
            assert bool(growing) == is_counter or (metric == "kuadrant_ratelimit_shadow_limit"), place


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_how_grave_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    name, annotations = rule["alert"], rule["annotations"]
    assert re.fullmatch(r"Kuadrant[A-Z]\w+", name)
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert annotations["summary"].endswith(".")
    assert annotations["runbook_url"] == f"docs/runbooks.md#{name.lower()}"
    assert set(re.findall(r"\$labels\.(\w+)", str(annotations))) <= read(rule["expr"]).labels


def test_every_alert_has_a_section_of_the_runbooks_and_every_section_an_alert() -> None:
    written = re.findall(r"^### (.+)$", RUNBOOKS.read_text(), re.MULTILINE)
    assert written == [rule["alert"] for rule in rules()]


def test_a_shadow_is_forgotten_after_two_weeks() -> None:
    expression = EXPRESSIONS["KuadrantShadowLimitForgotten"]
    window = re.search(r"\[14d:1h\]\) >= (\d+)", expression)
    assert window is not None
    assert int(window[1]) == int(0.9 * 14 * 24)


def test_dashboards_are_what_is_made() -> None:
    made = generate_dashboards.texts()
    assert {path: path.read_text() for path in (FOLDER / "dashboards").iterdir()} == made, "make generate"


@pytest.mark.parametrize("name", dashboards())
def test_a_dashboard_names_no_data_source_and_its_panels_do_not_overlap(name: str) -> None:
    document = dashboards()[name]
    assert document["schemaVersion"] == generate_dashboards.SCHEMA_VERSION
    assert set(re.findall(r'"uid": "([^"]*)"', json.dumps(document))) == {
        f"kuadrant-{name}",
        "${datasource}",
    }
    taken: set[tuple[int, int]] = set()
    for panel in document["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    numbers = [panel["id"] for panel in document["panels"]]
    assert sorted(set(numbers)) == numbers


def test_lines_are_called_by_labels_that_they_have() -> None:
    for place, target in targets():
        assert (
            set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= read(target["expr"]).labels | OF_TARGETS
        ), place


def test_what_can_be_chosen_is_a_label_that_there_is() -> None:
    for document in dashboards().values():
        chosen = {one["name"] for one in document["templating"]["list"]} - {"datasource"}
        used = set(re.findall(r"\$(\w+)\b", " ".join(panel_expressions(document))))
        assert used == chosen
        for one in document["templating"]["list"][1:]:
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", one["definition"]).groups()  # type: ignore[union-attr]
            assert label in TOLD[metric].labels


def panel_expressions(document: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in document["panels"] for target in panel.get("targets", ())]


def test_the_chart_has_the_same_alerts_and_dashboards() -> None:
    (document,) = yaml.safe_load_all((FOLDER / "prometheus_rule.yaml").read_text())
    assert yaml.safe_load((CHART / "monitoring/rules.yaml").read_text()) == document["spec"]
    for path in (FOLDER / "dashboards").iterdir():
        assert (CHART / "monitoring/dashboards" / path.name).read_text() == path.read_text()


def test_the_state_that_kube_state_metrics_tells_of_is_in_the_definitions() -> None:
    document = yaml.safe_load((FOLDER / "custom_resource_state.yaml").read_text())
    assert document["kind"] == "CustomResourceStateMetrics"
    definitions = {one["spec"]["names"]["kind"]: one for one in custom_resource_definitions().values()}
    for resource in document["spec"]["resources"]:
        which = resource["groupVersionKind"]
        definition = definitions[which["kind"]]
        (version,) = [one for one in definition["spec"]["versions"] if one["name"] == which["version"]]
        for metric in resource["metrics"]:
            each = metric["each"]
            (_, values) = each[each["type"].lower()]["path"], each[each["type"].lower()]
            schema = version["schema"]["openAPIV3Schema"]
            for name in values["path"]:
                if name == "metadata":
                    break
                schema = schema["properties"][name]
            else:
                schema = schema.get("items", schema)
                names = [path[0] for path in values["labelsFromPath"].values()]
                assert {*names, *values.get("valueFrom", ())} - {"namespace"} <= schema["properties"].keys()


def test_the_folder_has_what_it_names() -> None:
    document = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    named = [
        *document["resources"],
        *(name for one in document["configMapGenerator"] for name in one["files"]),
    ]
    there = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert sorted(named) == sorted(there - {"kustomization.yaml"})
