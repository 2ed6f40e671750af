"""The condition ``kuadrant.io/RateLimitPolicyAffected`` on Gateways, listeners and routes.

Only accepted policies are named. A listener is affected by its Gateway's policies too, and a route by those
of every Gateway and listener that it is attached to, in one entry for each Gateway. What other controllers
say in the same status stays.
"""

from __future__ import annotations

from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Struct

from kuadrant.api.http_route import HTTPRoute
from kuadrant.api.meta import Condition
from kuadrant.incremental import are
from kuadrant.policy.model import GATEWAY_API
from kuadrant.policy.route import from_grpc_route, from_http_route
from kuadrant.policy.route_attachment import is_attached, parent_gateway
from kuadrant.status.conditions import merged_conditions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.gateway import Gateway
    from kuadrant.api.grpc_route import GRPCRoute
    from kuadrant.api.meta import Object
    from kuadrant.api.objects import Objects
    from kuadrant.compiler.policy_facts import PolicyFacts
    from kuadrant.policy.route import Route

CONTROLLER: Final = "kuadrant.io/policy-controller"
TYPE: Final = "kuadrant.io/RateLimitPolicyAffected"
_MOST_PARENTS: Final = 32
"""As many entries a route's status may have, its controllers' among them."""
_NAMED: Final = 4_096
"""Characters of names in a message: a Gateway has as many messages as listeners, and all have to fit."""

_K = TypeVar("_K")

Policies = tuple[str, ...]
"""Policies as ``namespace/name``, sorted; never none."""


class Affected(Struct, frozen=True):
    """The policies of each Gateway, of its listeners (by Gateway and name), and of its routes.

    Gateways and routes are by ``namespace/name``, routes with their kind before it.
    """

    gateways: dict[str, Policies]
    listeners: dict[tuple[str, str], Policies]
    routes: dict[tuple[str, str], dict[str, Policies]]


class AffectedObjects:
    """Finds what policies affect again and again; what does not change stays the same instance."""

    def __init__(self) -> None:
        self._facts: tuple[PolicyFacts, ...] = ()
        self._made_from: tuple[object, ...] = ()
        self._places: tuple[object, ...] = ()
        self._targets: _Targets = {}
        self._attachments: dict[tuple[str, str], tuple[object, _Attachments]] = {}
        self._result = Affected({}, {}, {})

    def of(self, objects: Objects, facts: tuple[PolicyFacts, ...]) -> Affected:
        """Return what the accepted policies among ``facts`` affect; what none of them affects is not in it.

        It is the same instance as before if it is the same.
        """
        made_from = (objects.gateways, objects.http_routes, objects.grpc_routes, objects.namespaces)
        same_objects = are(made_from, self._made_from)
        if facts is self._facts and same_objects:
            return self._result
        self._facts = facts
        targets = _targets(facts)
        if targets != self._targets or not same_objects:
            self._targets, self._made_from = targets, made_from
            result = self._find(objects, targets)
            if result != self._result:
                self._result = result
        return self._result

    def _find(self, objects: Objects, targets: _Targets) -> Affected:
        gateways = {_key(gateway): gateway for gateway in objects.gateways}
        of_gateway: dict[str, set[str]] = {}
        of_listener: dict[tuple[str, str], set[str]] = {}
        for key, gateway in gateways.items():
            sections = targets.get(("Gateway", key), {})
            of_gateway[key] = sections.get(None, set())
            for listener in gateway.spec.listeners:
                of_listener[key, listener.name] = of_gateway[key] | sections.get(listener.name, set())

        of_route: dict[tuple[str, str], dict[str, set[str]]] = {}
        self._attachments = self._attach(objects, gateways)
        for route, (_, attachments) in self._attachments.items():
            own = set[str]().union(*targets.get(route, {}).values())
            of_route[route] = {
                key: own.union(*(of_listener[key, listener] for listener in listeners))
                for key, listeners in attachments
            }
        return Affected(
            gateways=_named(of_gateway),
            listeners=_named(of_listener),
            routes={route: named for route, under in of_route.items() if (named := _named(under))},
        )

    def _attach(
        self, objects: Objects, gateways: Mapping[str, Gateway]
    ) -> dict[tuple[str, str], tuple[object, _Attachments]]:
        """Return the Gateways and listeners that each route is attached to, with the route itself."""
        places = (objects.gateways, objects.namespaces)
        former = self._attachments if are(places, self._places) else {}
        self._places = places
        labels = {namespace.metadata.name: namespace.metadata.labels for namespace in objects.namespaces}
        result: dict[tuple[str, str], tuple[object, _Attachments]] = {}
        routes: tuple[HTTPRoute | GRPCRoute, ...] = (*objects.http_routes, *objects.grpc_routes)
        for route in routes:
            key = (route.kind, _key(route))
            known = former.get(key)
            if known is None or known[0] is not route:
                read = from_http_route(route) if isinstance(route, HTTPRoute) else from_grpc_route(route)
                known = (route, tuple(_attachments(read, gateways, labels)))
            result[key] = known
        return result


_Targets = dict[tuple[str, str], dict[str | None, set[str]]]
_Attachments = tuple[tuple[str, list[str]], ...]


def _targets(facts: Iterable[PolicyFacts]) -> _Targets:
    """The accepted policies by target and section."""
    targets: _Targets = {}
    for fact in facts:
        if fact.acceptance.reason == "Accepted":
            target = fact.policy.target
            sections = targets.setdefault((target.kind, target.key), {})
            sections.setdefault(target.section, set()).add(fact.policy.key)
    return targets


def _key(one: Object) -> str:
    return f"{one.metadata.namespace}/{one.metadata.name}"


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
    """Return the status that a Gateway, as the API server has it, is to have; None if it has it.

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

    Ours are the entries of our controller, one for each Gateway for which there is room. ``now`` is an RFC
    3339 text in UTC.
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
    room = max(0, _MOST_PARENTS - len(parents))
    for gateway, policies in islice(wanted.items(), room):
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
    ends = accumulate(len(name) + 1 for name in policies)
    shown = [name for name, end in zip(policies, ends, strict=True) if end <= _NAMED]
    more = f" and {len(policies) - len(shown)} more" if len(shown) < len(policies) else ""
    message = f"Object affected by RateLimitPolicy [{' '.join(shown)}]{more}"
    return Condition(type=TYPE, status="True", reason="Accepted", message=message)
