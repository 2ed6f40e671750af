"""The alerts and dashboards of config/monitoring in the chart, behind values.

What they say has braces that Helm would take for its own, so it lies beside the templates as files.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

import yaml

from scripts.installation import CONFIG, MADE

if TYPE_CHECKING:
    from pathlib import Path

_SOURCE: Final = CONFIG / "monitoring"
_RULES: Final = "prometheus_rule.yaml"
_METADATA: Final = """\
metadata:
  name: {name}
  namespace: {{{{ .Release.Namespace }}}}
  labels:
    app.kubernetes.io/part-of: kuadrant
{more}    {{{{- with .Values.monitoring.labels }}}}
    {{{{- toYaml . | nindent 4 }}}}
    {{{{- end }}}}
"""
_SPEC: Final = (
    'spec: {{- .Files.Get "monitoring/rules.yaml" | replace "runbook_url: docs/" '
    '(printf "runbook_url: %sdocs/" .Values.monitoring.docs) | nindent 2 }}\n'
)
_TEMPLATES: Final = {
    "rules": (
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n",
        _METADATA.format(name="kuadrant", more=""),
        _SPEC,
    ),
    "dashboards": (
        "apiVersion: v1\nkind: ConfigMap\n",
        _METADATA.format(name="kuadrant-dashboards", more='    grafana_dashboard: "1"\n'),
        'data: {{- (.Files.Glob "monitoring/dashboards/*.json").AsConfig | nindent 2 }}\n',
    ),
}


def files(chart: Path) -> dict[Path, str]:
    """The text of each file by its path, below the folder of the chart."""
    texts = {
        chart / "templates" / "monitoring" / f"{name}.yaml": (
            f"{MADE}{{{{- if .Values.monitoring.{name} }}}}\n---\n{''.join(parts)}{{{{- end }}}}\n"
        )
        for name, parts in _TEMPLATES.items()
    }
    texts[chart / "monitoring" / "rules.yaml"] = _spec((_SOURCE / _RULES).read_text())
    for path in sorted((_SOURCE / "dashboards").iterdir()):
        texts[chart / "monitoring" / "dashboards" / path.name] = path.read_text()
    return texts


def _spec(text: str) -> str:
    """What stands below ``spec``, as it is written, comments and all."""
    _, _, spec = text.partition("\nspec:\n")
    found = textwrap.dedent(spec)
    if yaml.safe_load(found) != yaml.safe_load(text)["spec"]:
        raise ValueError(f"{_RULES}: spec has to be the last of its fields")
    return found
