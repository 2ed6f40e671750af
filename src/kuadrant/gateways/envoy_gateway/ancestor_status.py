"""The word of Envoy Gateway on a policy of ours, as it stands in ``status.ancestors``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.gateways import ownership
from kuadrant.gateways.delivery_mode import asks
from kuadrant.gateways.envoy_gateway.push_patch_policies import http3_policy_name
from kuadrant.gateways.provider import ObjectVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def standing(document: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> ObjectVerdict:
    """Return what Envoy Gateway says of ``document`` in the version that the API server has.

    ``others`` are policies of other people. Where one is for a route it replaces ours there, or, if it says
    how to merge, those of our lists that it has, too. Whether the EnvoyPatchPolicy of the cluster is carried
    out does not matter: the module does without.
    """
    if document["kind"] == "EnvoyPatchPolicy":
        return _patches_standing(document) if asks(document) else ObjectVerdict(accepted=True)
    conditions = list(_conditions(document, "Accepted"))
    refused = next((one for one in conditions if one["status"] == "False"), None) or _displaced(
        document, others
    )
    if refused is not None:
        where = f"{document['metadata']['namespace']}/{document['metadata']['name']}"
        return ObjectVerdict(refused=f"EnvoyExtensionPolicy {where}: {refused['message']}")
    return ObjectVerdict(accepted=0 < len(conditions) >= len(document["spec"].get("targetRefs") or ()))


def _patches_standing(document: Mapping[str, Any]) -> ObjectVerdict:
    """The same for one by which listeners ask us; one of HTTP/3 may find none."""
    name, generation = document["metadata"]["name"], document["metadata"].get("generation", 0)
    optional = name == http3_policy_name(ownership.owner(document) or "")
    refusal = unpatched(document, generation, but="ResourceNotFound" if optional else "")
    if refusal:
        return ObjectVerdict(
            refused=f"EnvoyPatchPolicy {document['metadata']['namespace']}/{name}: {refusal}"
        )
    return ObjectVerdict(accepted=any(_patch_conditions(document, "Programmed", generation)))


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
    """Tell whether a policy that is merged with ours replaces our modules for one of ``routes``."""
    if policy["kind"] != "EnvoyExtensionPolicy" or not policy["spec"].get("wasm"):
        return False
    # Lists are replaced as a whole.
    spec, namespace = policy["spec"], policy["metadata"]["namespace"]
    targets = [*(spec.get("targetRefs") or ()), *filter(None, [spec.get("targetRef")])]
    # Whom a selector means is not looked up: it may be one of them.
    return bool(spec.get("targetSelectors")) or any(
        any(route == name or route.startswith(f"{name}/") for route in routes)
        for name in (f"{namespace}/{target['name']}" for target in targets)
    )


def module_failed(document: Mapping[str, Any]) -> bool:
    """Tell whether Envoy Gateway could not get the module of an EnvoyExtensionPolicy as it is now."""
    return any(
        condition["status"] == "False" and condition["message"].lower().startswith("wasm:")
        for condition in _conditions(document, "Accepted")
    )


def is_programmed(document: Mapping[str, Any]) -> bool:
    """Tell whether Envoy Gateway has carried out an EnvoyPatchPolicy, in whichever form.

    A cluster whose address changes stays, so that nothing has to do without it meanwhile.
    """
    said = [
        {condition["status"] for condition in _patch_conditions(document, type_, generation=0)}
        for type_ in ("Accepted", "Programmed")
    ]
    return said == [{"True"}, {"True"}]


def unpatched(document: Mapping[str, Any], generation: int = 0, but: str = "") -> str:
    """Return Envoy Gateway's words for what it does not carry out of a policy, but for the reason ``but``."""
    return next(
        (
            condition["message"]
            for type_ in ("Accepted", "Programmed")
            for condition in _patch_conditions(document, type_, generation)
            if condition["status"] == "False" and not (but and condition.get("reason") == but)
        ),
        "",
    )


def _patch_conditions(
    document: Mapping[str, Any], type_: str, generation: int
) -> Iterator[Mapping[str, Any]]:
    """Yield the conditions of an EnvoyPatchPolicy about its Gateway.

    Where a GatewayClass merges its gateways, Envoy Gateway looks for a class of that name, and says of every
    EnvoyPatchPolicy whether there is one: that counts only for a Gateway of which nothing else is said.
    """
    ancestors = document.get("status", {}).get("ancestors") or ()
    about = [one for one in ancestors if one.get("ancestorRef", {}).get("kind") == "Gateway"]
    return _conditions_of(about or ancestors, type_, generation)


def _conditions(document: Mapping[str, Any], type_: str) -> Iterator[Mapping[str, Any]]:
    """Yield the conditions of a type, one for each ancestor, about the document as it is now."""
    generation = document["metadata"].get("generation", 0)
    return _conditions_of(document.get("status", {}).get("ancestors") or (), type_, generation)


def _conditions_of(
    ancestors: Iterable[Mapping[str, Any]], type_: str, generation: int
) -> Iterator[Mapping[str, Any]]:
    for ancestor in ancestors:
        for condition in ancestor.get("conditions") or ():
            if condition["type"] == type_ and condition.get("observedGeneration", 0) >= generation:
                yield condition
