"""Write charts/kuadrant from config/, or with --check tell whether it is what is there.

With the values that the chart brings it gives the objects of config/default, in the release's namespace.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from kuadrant import __version__
from scripts import chart_hooks, chart_monitoring, chart_network, chart_pods, chart_values
from scripts.chart_notes import NOTES
from scripts.chart_tree import SERVICE, tree
from scripts.installation import CONFIG, MADE, NAMESPACE, ROOT, built, dumped, write

if TYPE_CHECKING:
    from pathlib import Path

CHART = ROOT / "charts" / "kuadrant"
_DRAFT = "http://json-schema.org/draft-07/schema#"  # the newest that every Helm 3 knows
_CHART = {
    "apiVersion": "v2",
    "name": "kuadrant",
    "description": "Rate limiting for Gateway API that carries its own data plane",
    "type": "application",
    "version": __version__,
    "appVersion": __version__,
    "kubeVersion": ">=1.30.0-0",  # the first with ValidatingAdmissionPolicy
    "keywords": ["gateway-api", "kubernetes", "rate-limiting"],
}

_HELPERS = """\
{{/* The reference of the image: by its digest where there is one, else by its tag. */}}
{{- define "kuadrant.image" -}}
{{- if kindIs "string" .Values.image -}}
{{- .Values.image -}}
{{- else -}}
{{- with .Values.image -}}
{{- with .registry }}{{ . }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end }}
"""


def files() -> dict[Path, str]:
    """The text of each file by its path."""
    values = tree()
    made = {"$comment": MADE.strip("# \n")}
    texts: dict[Path, str] = {
        CHART / "Chart.yaml": MADE + dumped(_CHART),
        CHART / "values.yaml": MADE + chart_values.text(values),
        CHART / "values.schema.json": json.dumps(
            {"$schema": _DRAFT, **made, "title": "Values", **chart_values.schema(values)}, indent=2
        )
        + "\n",
        CHART / "templates" / "_helpers.tpl": _HELPERS,
        CHART / "templates" / "NOTES.txt": NOTES,
        CHART / "templates" / "hooks" / "uninstall.yaml": MADE + chart_hooks.uninstall(),
        CHART / "templates" / "tests" / "doctor.yaml": MADE + chart_hooks.doctor(),
    }
    for path, document in built(CONFIG / "default"):
        if document["kind"] != "Namespace":  # the one of the release, which Helm makes
            place = CHART / "templates" / path.parent.relative_to(CONFIG) / path.name
            texts[place] = texts.get(place, MADE) + _template(document)
    for place, text in texts.items():
        if place.parent.name == "ratelimit":
            texts[place] = "{{- if .Values.ratelimit.enabled }}\n" + text + "{{- end }}\n"
    return texts | chart_monitoring.files(CHART)


def _template(document: dict[str, Any]) -> str:
    """The text of an object with what values decide about in place."""
    name = document["metadata"]["name"]
    if document["kind"] == "CustomResourceDefinition":
        # With a definition every object of it would go, so it outlives the release.
        annotations = {**document["metadata"].get("annotations", {}), "helm.sh/resource-policy": "keep"}
        document = {**document, "metadata": {**document["metadata"], "annotations": annotations}}
    if document["kind"] == "NetworkPolicy":
        document = chart_network.marked(document)
    if document["kind"] == "Deployment":
        document = chart_pods.marked(document)
    text = dumped(document)
    if "{{" in text:
        raise ValueError(f"{document['kind']} {name} holds what Helm takes for its own")
    text = re.sub(rf"^( *namespace: ){NAMESPACE}$", r"\1{{ .Release.Namespace }}", text, flags=re.MULTILINE)
    if document["kind"] == "Deployment":
        text = chart_pods.template(text, ".Values.ratelimit" if name == SERVICE else ".Values")
    if document["kind"] == "NetworkPolicy":
        return chart_network.template("---\n" + text)
    return "---\n" + text


if __name__ == "__main__":
    write(CHART, files())
