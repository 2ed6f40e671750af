"""The values that both Deployments of the chart have: where pods run, what they take and how they are marked.

What config/ says of each is its default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scripts.chart_values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable

_OBJECT: Final = {"type": "object"}
_QUANTITIES: Final = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
_LABEL: Final = {
    "type": "string",
    "maxLength": 63,
    "pattern": "^(([A-Za-z0-9][A-Za-z0-9_.-]*)?[A-Za-z0-9])?$",
}
_RESOURCES: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "requests": {"description": "What its node keeps for it, by resource.", **_QUANTITIES},
        "limits": {"description": "What it may take at most, by resource.", **_QUANTITIES},
        "claims": {"description": "Claims of the pod that it uses.", "type": "array", "items": _OBJECT},
    },
}
_AFFINITY: Final = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "nodeAffinity": {"description": "To or from nodes by their labels.", **_OBJECT},
        "podAffinity": {"description": "To where other pods run.", **_OBJECT},
        "podAntiAffinity": {"description": "Away from where other pods run.", **_OBJECT},
    },
}
_SPREAD: Final = {
    "type": "object",
    "required": ["maxSkew", "topologyKey", "whenUnsatisfiable"],
    "properties": {
        "maxSkew": {"description": "By how many pods places may differ.", "type": "integer", "minimum": 1},
        "topologyKey": {"description": "The label of nodes that makes a place.", "type": "string"},
        "whenUnsatisfiable": {
            "description": "What becomes of a pod that fits nowhere.",
            "enum": ["DoNotSchedule", "ScheduleAnyway"],
        },
    },
}


def pod_values(whose: str, deployment: dict[str, Any]) -> tuple[Value, ...]:
    """The values for the pods of a Deployment of config/; ``whose`` they are is a word or two."""
    template = deployment["spec"]["template"]
    pod, metadata = template["spec"], template["metadata"]
    (container,) = pod["containers"]
    return (
        Value(
            name="resources",
            description=f"What {whose} requests and may take at most (docs/install-hardening.md).",
            default=container["resources"],
            schema=_RESOURCES,
        ),
        *_placement(whose, pod),
        Value(
            name="podLabels",
            description=f"More labels of the pods of {whose}; "
            f"not {_listed(metadata['labels'])}, which are ours.",
            default={},
            schema=_more(metadata["labels"], _LABEL),
        ),
        Value(
            name="podAnnotations",
            description=f"More annotations of the pods of {whose}.",
            default={},
            schema=_more(metadata.get("annotations", ()), {"type": "string"}),
        ),
    )


def _placement(whose: str, pod: dict[str, Any]) -> tuple[Value, ...]:
    """The values that say where the pods run."""
    return (
        Value(
            name="nodeSelector",
            description=f"Labels that a node has to have for the pods of {whose} to run on it.",
            default=pod.get("nodeSelector", {}),
            schema={"type": "object", "additionalProperties": {"type": "string"}},
        ),
        Value(
            name="tolerations",
            description=f"Taints of nodes that the pods of {whose} put up with, as a pod has them.",
            default=pod.get("tolerations", []),
            schema={"type": "array", "items": _OBJECT},
        ),
        Value(
            name="affinity",
            description=f"Where the pods of {whose} run rather than elsewhere, as a pod has it.",
            default=pod.get("affinity", {}),
            schema=_AFFINITY,
        ),
        Value(
            name="topologySpreadConstraints",
            description=f"How the pods of {whose} are spread, as a pod has it; a list replaces the whole.",
            default=pod.get("topologySpreadConstraints", []),
            schema={"type": "array", "items": _SPREAD},
        ),
        Value(
            name="priorityClassName",
            description=f"The PriorityClass of the pods of {whose}.",
            default=pod.get("priorityClassName", ""),
            schema={"type": "string", "pattern": "^[a-z0-9.-]*$"},
        ),
    )


def _listed(names: Iterable[str]) -> str:
    return " and ".join(sorted(names))


def _more(names: Iterable[str], value: dict[str, Any]) -> dict[str, Any]:
    """Texts by any names but these, which are ours."""
    taken = {name: {"description": "It is ours, and cannot be set.", "not": {}} for name in sorted(names)}
    return {"type": "object", "additionalProperties": value, **({"properties": taken} if taken else {})}
