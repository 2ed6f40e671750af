"""From all objects to what every gateway must do, and to what is to be said of every policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.limitador import Identity, Limit
from kuadrant.compiler.facts import PolicyFacts, policy_facts
from kuadrant.compiler.listeners import hostname_of, listener_problems, listeners_by_port
from kuadrant.compiler.program import GatewayProgram, HostProgram, ListenerProgram
from kuadrant.compiler.route_piece import HostRule, ListenerPlace, RoutePiece, route_piece
from kuadrant.compiler.routes import PreparedRoute, prepare_routes
from kuadrant.policy.attachment import AttachedPolicies, is_attached, parent_gateway, served_hostnames
from kuadrant.policy.checks import check
from kuadrant.policy.conversion import to_model
from kuadrant.policy.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.gateway import Gateway
    from kuadrant.api.objects import Objects


class Compilation(Struct, frozen=True, gc=False):
    """The programs of all gateways and the facts of all policies by namespace and name, and every problem, errors first.

    ``limits`` are those of all programs together, each once: what one rate limit service behind all gateways has to hold.
    """

    programs: tuple[GatewayProgram, ...]
    limits: tuple[Limit, ...]
    policies: tuple[PolicyFacts, ...]
    problems: tuple[Problem, ...]


def compile_gateways(objects: Objects) -> Compilation:
    """Decide what every gateway of ``objects`` must do.

    The order of the objects does not matter. A mistake in one object is a problem of that object and leaves the others as
    they are; a limit that cannot be evaluated follows the failure mode of the rate limit service.
    """
    policies = [
        to_model(policy)
        for policy in objects.rate_limit_policies
        if policy.metadata.deletion_timestamp is None
    ]
    checked = {policy.key: check(policy) for policy in policies}
    undecidable = frozenset((key, name) for key, result in checked.items() for name in result.undecidable)
    routes = prepare_routes(objects)
    attached = AttachedPolicies(policies, objects.gateways, (prepared.route for prepared in routes))
    namespace_labels = {
        namespace.metadata.name: namespace.metadata.labels for namespace in objects.namespaces
    }
    by_gateway: dict[str | None, list[PreparedRoute]] = {}
    for prepared in routes:
        for key in {parent_gateway(prepared.route, parent) for parent in prepared.route.parents}:
            by_gateway.setdefault(key, []).append(prepared)

    programs: list[GatewayProgram] = []
    pieces: list[RoutePiece] = []
    problems = [problem for prepared in routes for problem in prepared.problems]
    for gateway in sorted(objects.gateways, key=_key):
        problems += listener_problems(gateway)
        gateway_pieces = _gateway_pieces(
            gateway,
            by_gateway.get(_key(gateway), ()),
            attached=attached,
            namespace_labels=namespace_labels,
            undecidable=undecidable,
        )
        programs.append(_program(gateway, gateway_pieces))
        pieces += (piece for port_pieces in gateway_pieces.values() for piece in port_pieces)

    facts = policy_facts(policies, attached, checked, pieces)
    problems += (problem for fact in facts for problem in fact.problems)
    return Compilation(
        programs=tuple(programs),
        limits=_limits(limit for program in programs for limit in program.limits),
        policies=facts,
        problems=tuple(sorted(problems)),
    )


def _key(gateway: Gateway) -> str:
    return f"{gateway.metadata.namespace}/{gateway.metadata.name}"


def _gateway_pieces(
    gateway: Gateway,
    routes: Iterable[PreparedRoute],
    *,
    attached: AttachedPolicies,
    namespace_labels: Mapping[str, Mapping[str, str]],
    undecidable: frozenset[tuple[str, str]],
) -> dict[int, list[RoutePiece]]:
    """The pieces of each port."""
    routes = tuple(routes)
    key = _key(gateway)
    gateway_policies = attached.on("Gateway", key)
    pieces: dict[int, list[RoutePiece]] = {}
    for port, listeners in listeners_by_port(gateway).items():
        port_hostnames = frozenset(map(hostname_of, listeners))
        port_pieces = pieces.setdefault(port, [])
        for listener in listeners:
            place = ListenerPlace(gateway.spec.gateway_class_name, key, listener.name)
            listener_policies = (*gateway_policies, *attached.on("Gateway", key, listener.name))
            for prepared in routes:
                route = prepared.route
                if not is_attached(route, gateway, listener, namespace_labels):
                    continue
                hostnames = served_hostnames(route.hostnames, hostname_of(listener), port_hostnames)
                if not hostnames:
                    continue
                route_policies = (*listener_policies, *attached.on(route.kind, route.key))
                piece = route_piece(
                    route,
                    place=place,
                    hostnames=hostnames,
                    forwardings=prepared.forwardings,
                    policies=[
                        (*route_policies, *attached.on(route.kind, route.key, rule.name))
                        for rule in route.rules
                    ],
                    undecidable=undecidable,
                )
                port_pieces.append(piece)
    return pieces


def _program(gateway: Gateway, pieces: Mapping[int, Iterable[RoutePiece]]) -> GatewayProgram:
    return GatewayProgram(
        namespace=gateway.metadata.namespace,
        name=gateway.metadata.name,
        listeners=tuple(
            ListenerProgram(
                names=tuple(listener.name for listener in listeners),
                port=port,
                protocol=listeners[0].protocol,
                hosts=_hosts(
                    map(hostname_of, listeners), (rule for piece in pieces[port] for rule in piece.rules)
                ),
            )
            for port, listeners in listeners_by_port(gateway).items()
        ),
        limits=_limits(
            limit for port_pieces in pieces.values() for piece in port_pieces for limit in piece.limits
        ),
    )


def _hosts(own: Iterable[str], rules: Iterable[HostRule]) -> tuple[HostProgram, ...]:
    """The host table of a port. The names of its listeners are there even if empty: their requests are nobody else's."""
    by_hostname: dict[str, list[HostRule]] = {hostname: [] for hostname in own}
    for rule in rules:
        by_hostname.setdefault(rule.hostname, []).append(rule)
    return tuple(
        HostProgram(hostname, tuple(rule.program for rule in sorted(rules, key=lambda rule: rule.rank)))
        for hostname, rules in sorted(by_hostname.items())
    )


def _limits(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """Every limit once. Of limits that share their counters the strictest one holds."""
    strictest: dict[Identity, Limit] = {}
    for limit in limits:
        known = strictest.get(limit.identity)
        if known is None or limit.max_value < known.max_value:
            strictest[limit.identity] = limit
    return tuple(
        sorted(
            strictest.values(),
            key=lambda limit: (limit.namespace, limit.name, limit.conditions, limit.seconds, limit.variables),
        )
    )
