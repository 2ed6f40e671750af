"""What Envoy Gateway says of a policy of ours in ``status.ancestors``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.gateways.provider import Standing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WHERE = "EnvoyExtensionPolicy {namespace}/{name}"


def standing(document: Mapping[str, Any]) -> Standing:
    """Return what Envoy Gateway says of ``document`` in the version that the API server has.

    Nothing depends on whether it carries out an EnvoyPatchPolicy: the module does without.
    """
    if document["kind"] == "EnvoyPatchPolicy":
        return Standing(accepted=True)
    conditions = list(_conditions(document, "Accepted"))
    for condition in conditions:
        if condition["status"] == "False":
            return Standing(refused=_refusal(document, condition["message"]))
    for type_ in ("Overridden", "Merged"):
        for condition in _conditions(document, type_):
            if condition["status"] == "True":
                return Standing(refused=_refusal(document, condition["message"]))
    return Standing(accepted=0 < len(conditions) >= len(document["spec"].get("targetRefs") or ()))


def module_failed(document: Mapping[str, Any]) -> bool:
    """Whether Envoy Gateway says of an EnvoyExtensionPolicy, as it is now, that it could not get its module."""
    return any(
        condition["status"] == "False" and condition["message"].startswith("Wasm:")
        for condition in _conditions(document, "Accepted")
    )


def is_programmed(document: Mapping[str, Any]) -> bool:
    """Whether Envoy Gateway has said of an EnvoyPatchPolicy, in whichever form, that its proxies have what it says.

    A cluster whose address changes stays, so that nothing has to do without it meanwhile.
    """
    said = [
        {condition["status"] for condition in _conditions(document, type_, generation=0)}
        for type_ in ("Accepted", "Programmed")
    ]
    return said == [{"True"}, {"True"}]


def _conditions(
    document: Mapping[str, Any], type_: str, generation: int | None = None
) -> Iterator[Mapping[str, Any]]:
    """Yield the conditions of a type, one for each ancestor, about the document as it is now or since ``generation``."""
    generation = document["metadata"].get("generation", 0) if generation is None else generation
    for ancestor in document.get("status", {}).get("ancestors") or ():
        for condition in ancestor.get("conditions") or ():
            if condition["type"] == type_ and condition.get("observedGeneration", 0) >= generation:
                yield condition


def _refusal(document: Mapping[str, Any], message: str) -> str:
    where = _WHERE.format(namespace=document["metadata"]["namespace"], name=document["metadata"]["name"])
    return f"{where}: {message}"
