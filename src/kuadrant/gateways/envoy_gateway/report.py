"""What Envoy Gateway says of a policy of ours in ``status.ancestors``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.gateways.provider import Standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def standing(document: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> Standing:
    """Return what Envoy Gateway says of ``document`` in the version that the API server has.

    ``others`` are policies of other people. Where one is for a route it replaces ours there, or, if it says how to merge, those of our
    lists that it has, too. Nothing depends on whether an EnvoyPatchPolicy is carried out: the module does without.
    """
    if document["kind"] == "EnvoyPatchPolicy":
        return Standing(accepted=True)
    conditions = list(_conditions(document, "Accepted"))
    refused = next((one for one in conditions if one["status"] == "False"), None) or _displaced(
        document, others
    )
    if refused is not None:
        where = f"{document['metadata']['namespace']}/{document['metadata']['name']}"
        return Standing(refused=f"EnvoyExtensionPolicy {where}: {refused['message']}")
    return Standing(accepted=0 < len(conditions) >= len(document["spec"].get("targetRefs") or ()))


def _displaced(document: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The condition that tells of routes or listeners where the module does not run."""
    for condition in _conditions(document, "Overridden"):
        if condition["status"] == "True":
            return condition
    for condition in _conditions(document, "Merged"):
        # Names as they are listed: "... for these routes: [default/a default/b]".
        routes = frozenset(condition["message"].replace("[", " ").replace("]", " ").split())
        if condition["status"] == "True" and any(_replaces_modules(one, routes) for one in others):
            return condition
    return None


def _replaces_modules(policy: Mapping[str, Any], routes: frozenset[str]) -> bool:
    """Whether a policy that is merged with ours has modules of its own for one of ``routes``: lists are replaced as a whole."""
    if policy["kind"] != "EnvoyExtensionPolicy" or not policy["spec"].get("wasm"):
        return False
    spec, namespace = policy["spec"], policy["metadata"]["namespace"]
    targets = [*(spec.get("targetRefs") or ()), *filter(None, [spec.get("targetRef")])]
    # Whom a selector means is not looked up: it may be one of them.
    return bool(spec.get("targetSelectors")) or any(
        any(route == name or route.startswith(f"{name}/") for route in routes)
        for name in (f"{namespace}/{target['name']}" for target in targets)
    )


def module_failed(document: Mapping[str, Any]) -> bool:
    """Whether Envoy Gateway says of an EnvoyExtensionPolicy, as it is now, that it could not get its module."""
    return any(
        condition["status"] == "False" and condition["message"].lower().startswith("wasm:")
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
