"""Tells what the chart's values decide about in a Deployment of config/.

As with network policies, a Deployment is marked before it is written as YAML, and the marks become templates.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_POD_FIELDS: Final = (
    "imagePullSecrets",
    "nodeSelector",
    "tolerations",
    "affinity",
    "topologySpreadConstraints",
)
_TEXTS: Final = {
    "REPLICAS": "replicas: {{ VALUES.replicas }}\n",
    "IMAGE": 'image: {{ include "kuadrant.image" . | quote }}\n'
    "imagePullPolicy: {{ .Values.imagePullPolicy }}\n",
    "POD_LABELS": "{{- with VALUES.podLabels }}\n{{- toYaml . | nindent INDENT }}\n{{- end }}\n",
    "POD_ANNOTATIONS": "{{- with VALUES.podAnnotations }}\n{{- toYaml . | nindent INDENT }}\n{{- end }}\n",
    "ANNOTATIONS": "{{- with VALUES.podAnnotations }}\nannotations:\n"
    "  {{- toYaml . | nindent DEEPER }}\n{{- end }}\n",
    "PRIORITY": "{{- with VALUES.priorityClassName }}\npriorityClassName: {{ . }}\n{{- end }}\n",
    **{
        field.upper(): f"{{{{- with VALUES.{field} }}}}\n{field}:\n"
        "  {{- toYaml . | nindent DEEPER }}\n{{- end }}\n"
        for field in _POD_FIELDS
    },
    "TRUSTED_VOLUME": "{{- with .Values.trustedKeys }}\nvolumes:\n  - name: trusted-keys\n"
    "    configMap:\n      name: {{ . }}\n{{- end }}\n",
    "TRUSTED_MOUNT": "{{- with .Values.trustedKeys }}\nvolumeMounts:\n  - name: trusted-keys\n"
    "    mountPath: /etc/kuadrant/trusted\n    readOnly: true\n{{- end }}\n",
    "TRUSTED_SETTING": "{{- if .Values.trustedKeys }}\n- name: WASM_SHIM_TRUSTED_KEYS\n"
    "  value: /etc/kuadrant/trusted\n{{- end }}\n",
    # A number out of a file is a float to Helm, which it would write as 1e+06.
    "SETTINGS": "{{- range $name, $value := VALUES.settings }}\n- name: {{ $name }}\n"
    '  value: {{ kindIs "float64" $value | ternary (toJson $value) $value | quote }}\n{{- end }}\n',
    "RESOURCES": "{{- with VALUES.resources }}\nresources:\n  {{- toYaml . | nindent DEEPER }}\n{{- end }}\n",
}
_OF_THE_OPERATOR: Final = ("TRUSTED_VOLUME", "TRUSTED_MOUNT", "TRUSTED_SETTING")
_SHARED: Final = ("imagePullSecrets",)


def marked(deployment: dict[str, Any]) -> dict[str, Any]:
    """The Deployment with a mark wherever a value decides."""
    spec = deployment["spec"]
    template = {**spec["template"], "metadata": _metadata(spec["template"]["metadata"])}
    template["spec"] = dict(_pod(template["spec"]))
    fields = {"REPLICAS": "", **{key: value for key, value in spec.items() if key != "replicas"}}
    return {**deployment, "spec": {**fields, "template": template}}


def _metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    labels = {**metadata["labels"], "POD_LABELS": ""}
    if "annotations" not in metadata:
        return {**metadata, "labels": labels, "ANNOTATIONS": ""}
    return {
        **metadata,
        "labels": labels,
        "annotations": {**metadata["annotations"], "POD_ANNOTATIONS": ""},
    }


def _pod(pod: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in pod.items():
        if key == "containers":
            yield from ((field.upper(), "") for field in _POD_FIELDS)
            yield from (("PRIORITY", ""), ("TRUSTED_VOLUME", ""))
            yield key, [dict(_container(container)) for container in value]
        elif key not in (*_POD_FIELDS, "priorityClassName"):
            yield key, value


def _container(container: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in container.items():
        if key == "image":
            yield "IMAGE", ""
        elif key == "env":
            yield key, [*value, "SETTINGS", "TRUSTED_SETTING"]
            yield "TRUSTED_MOUNT", ""
        elif key == "resources":
            yield "RESOURCES", ""
        elif key != "imagePullPolicy":
            yield key, value


def template(text: str, values: str) -> str:
    """The text of a marked Deployment with a template for each mark; ``values`` are those for its pods.

    Raises:
        ValueError: the Deployment has another form than this knows.
    """
    operator = values == ".Values"
    for mark, block in _TEXTS.items():
        filled = "" if mark in _OF_THE_OPERATOR and not operator else block
        common = ".Values" if mark in (one.upper() for one in _SHARED) else values
        text, found = re.subn(
            rf"^( *)(?:- )?{mark}(?:: '')?\n",
            lambda line: _indented(filled.replace("VALUES", common, 1), line[1]),  # noqa: B023
            text,
            flags=re.MULTILINE,
        )
        if not found and mark not in ("ANNOTATIONS", "POD_ANNOTATIONS"):
            raise ValueError(f"a Deployment has no place for {mark}")
    return text


def _indented(block: str, indent: str) -> str:
    numbers = {"INDENT": len(indent), "DEEPER": len(indent) + 2}
    for name, number in numbers.items():
        block = block.replace(name, str(number))
    return textwrap.indent(block, indent)
