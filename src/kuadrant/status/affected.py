"""Which Gateways, listeners and routes a policy affects: the condition ``kuadrant.io/RateLimitPolicyAffected`` on them.

Only accepted policies are named. A listener is affected by its Gateway's policies too, and a route by those of every Gateway
and listener that it is attached to, in one entry for each Gateway. What other controllers say in the same status stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Struct

from kuadrant.api.meta import Condition
from kuadrant.policy.attachment import is_attached, parent_gateway
from kuadrant.policy.model import GATEWAY_API
from kuadrant.policy.route import from_grpc_route, from_http_route
from kuadrant.status.conditions import merged_conditions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.gateway import Gateway
    from kuadrant.api.objects import Objects
    from kuadrant.compiler.facts import PolicyFacts
    from kuadrant.policy.route import Route

CONTROLLER: Final = "kuadrant.io/policy-controller"
TYPE: Final = "kuadrant.io/RateLimitPolicyAffected"

_K = TypeVar("_K")

Policies = tuple[str, ...]
"""Policies as ``namespace/name``, sorted; never none."""


class Affected(Struct, frozen=True):
    """The policies of each Gateway, of its listeners (by Gateway and name), and of each route under its Gateways.

    Gateways and routes are by ``namespace/name``, routes with their kind before it.
    """

    gateways: dict[str, Policies]
    listeners: dict[tuple[str, str], Policies]
    routes: dict[tuple[str, str], dict[str, Policies]]


def affected(objects: Objects, facts: Iterable[PolicyFacts]) -> Affected:
    """Return what the accepted policies among ``facts`` affect; what none of them affects is not in it."""
    by_target: dict[tuple[str, str], dict[str | None, set[str]]] = {}
    for fact in facts:
        if fact.acceptance.reason == "Accepted":
            target = fact.policy.target
            sections = by_target.setdefault((target.kind, target.key), {})
            sections.setdefault(target.section, set()).add(fact.policy.key)

    gateways = {_key(gateway): gateway for gateway in objects.gateways}
    of_gateway: dict[str, set[str]] = {}
    of_listener: dict[tuple[str, str], set[str]] = {}
    for key, gateway in gateways.items():
        sections = by_target.get(("Gateway", key), {})
        of_gateway[key] = sections.get(None, set())
        for listener in gateway.spec.listeners:
            of_listener[key, listener.name] = of_gateway[key] | sections.get(listener.name, set())

    labels = {namespace.metadata.name: namespace.metadata.labels for namespace in objects.namespaces}
    of_route: dict[tuple[str, str], dict[str, set[str]]] = {}
    for route in (*map(from_http_route, objects.http_routes), *map(from_grpc_route, objects.grpc_routes)):
        own = set[str]().union(*by_target.get((route.kind, route.key), {}).values())
        of_route[route.kind, route.key] = {
            key: own.union(*(of_listener[key, listener] for listener in listeners))
            for key, listeners in _attachments(route, gateways, labels)
        }
    return Affected(
        gateways=_named(of_gateway),
        listeners=_named(of_listener),
        routes={route: named for route, under in of_route.items() if (named := _named(under))},
    )


def _key(gateway: Gateway) -> str:
    return f"{gateway.metadata.namespace}/{gateway.metadata.name}"


def _attachments(
    route: Route, gateways: Mapping[str, Gateway], labels: Mapping[str, Mapping[str, str]]
) -> Iterable[tuple[str, list[str]]]:
    """The Gateways that ``route`` is attached to, each with the names of its listeners."""
    for key in sorted({key for parent in route.parents if (key := parent_gateway(route, parent))}):
        gateway = gateways.get(key)
        if gateway is None:
            continue
        listeners = [
            listener.name
            for listener in gateway.spec.listeners
            if is_attached(route, gateway, listener, labels)
        ]
        if listeners:
            yield key, listeners


def _named(policies: Mapping[_K, set[str]]) -> dict[_K, Policies]:
    return {key: tuple(sorted(names)) for key, names in policies.items() if names}


def gateway_status(document: Mapping[str, Any], affected: Affected, now: str) -> dict[str, Any] | None:
    """Return the status that a Gateway, given as the API server has it, is to have; None if it has it already.

    A listener is told as soon as its controller has written of it. ``now`` is an RFC 3339 text in UTC.
    """
    key = f"{document['metadata']['namespace']}/{document['metadata']['name']}"
    status: Mapping[str, Any] = document.get("status") or {}
    generation = document["metadata"].get("generation", 0)
    result = dict(status)
    _tell(result, affected.gateways.get(key), generation, now)
    if "listeners" in status:
        result["listeners"] = [dict(listener) for listener in status["listeners"]]
        for listener in result["listeners"]:
            _tell(listener, affected.listeners.get((key, listener["name"])), generation, now)
    return None if result == status else result


def route_status(document: Mapping[str, Any], affected: Affected, now: str) -> dict[str, Any] | None:
    """Return the status that a route, given as the API server has it, is to have; None if it has it already.

    Ours are the entries of our controller, one for each Gateway. ``now`` is an RFC 3339 text in UTC.
    """
    key = f"{document['metadata']['namespace']}/{document['metadata']['name']}"
    wanted = dict(affected.routes.get((document["kind"], key), {}))
    status: Mapping[str, Any] = document.get("status") or {}
    generation = document["metadata"].get("generation", 0)
    parents: list[dict[str, Any]] = []
    for entry in status.get("parents") or ():
        parent = dict(entry)
        if parent.get("controllerName") == CONTROLLER:
            reference = parent["parentRef"]
            _tell(
                parent, wanted.pop(f"{reference.get('namespace')}/{reference['name']}", None), generation, now
            )
            if not parent.get("conditions"):
                continue
        parents.append(parent)
    for gateway, policies in wanted.items():
        namespace, _, name = gateway.partition("/")
        reference = {"group": GATEWAY_API, "kind": "Gateway", "namespace": namespace, "name": name}
        parent = {"parentRef": reference, "controllerName": CONTROLLER}
        _tell(parent, policies, generation, now)
        parents.append(parent)
    if parents == (status.get("parents") or []):
        return None
    return {**status, "parents": parents}


def _tell(part: dict[str, Any], policies: Policies | None, generation: int, now: str) -> None:
    """Put our condition into ``part`` of a status, or take it out where there are no policies."""
    existing = part.get("conditions") or []
    wanted = () if policies is None else (_condition(policies),)
    conditions = merged_conditions(existing, wanted, ours=(TYPE,), generation=generation, now=now)
    if conditions != existing:
        part["conditions"] = conditions


def _condition(policies: Policies) -> Condition:
    message = f"Object affected by RateLimitPolicy [{' '.join(policies)}]"
    return Condition(type=TYPE, status="True", reason="Accepted", message=message)
