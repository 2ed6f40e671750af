"""From all objects to what every gateway must do, and to what is to be said of every policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, structs

from kuadrant.api.limitador import Limit
from kuadrant.api.problem import spelled
from kuadrant.api.regular_expression import fault
from kuadrant.compiler.facts import PolicyFacts
from kuadrant.compiler.forwarding import ReferenceGrants, forwarding
from kuadrant.compiler.program import Forwarding, GatewayProgram, HostProgram, ListenerProgram
from kuadrant.compiler.route_piece import HostRule, ListenerPlace, PolicyOutcome, RoutePiece, route_piece
from kuadrant.policy.attachment import (
    AttachedPolicies,
    is_attached,
    parent_gateway,
    served_hostnames,
    takes_requests,
)
from kuadrant.policy.checks import CheckedPolicy, check
from kuadrant.policy.conversion import to_model
from kuadrant.policy.hostnames import EVERY_HOSTNAME
from kuadrant.policy.model import Policy, Problem
from kuadrant.policy.route import Route, RouteRule, from_grpc_route, from_http_route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kuadrant.api.gateway import Gateway, Listener
    from kuadrant.api.grpc_route import GRPCRouteRule
    from kuadrant.api.http_route import HTTPRouteRule
    from kuadrant.api.objects import Objects
    from kuadrant.policy.match import RequestMatch


class Compilation(Struct, frozen=True, gc=False):
    """The programs of all gateways, the facts of all policies and every problem, each sorted by namespace and name.

    ``limits`` are those of all programs together, each once: what one rate limit service behind all gateways has to hold.
    """

    programs: tuple[GatewayProgram, ...]
    limits: tuple[Limit, ...]
    policies: tuple[PolicyFacts, ...]
    problems: tuple[Problem, ...]


class _RouteSource(Struct, frozen=True, gc=False):
    """A route and what each of its rules does with requests."""

    route: Route
    forwardings: tuple[Forwarding, ...]


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
    sources, route_problems = _routes(objects)
    attached = AttachedPolicies(policies, objects.gateways, (source.route for source in sources))
    namespace_labels = {
        namespace.metadata.name: namespace.metadata.labels for namespace in objects.namespaces
    }
    by_gateway: dict[str, list[_RouteSource]] = {}
    for source in sources:
        for key in {parent_gateway(source.route, parent) for parent in source.route.parents} - {None}:
            by_gateway.setdefault(str(key), []).append(source)

    programs: list[GatewayProgram] = []
    pieces: list[RoutePiece] = []
    problems = list(route_problems)
    for gateway in sorted(objects.gateways, key=_key):
        problems += _listener_problems(gateway)
        gateway_pieces = _gateway_pieces(
            gateway,
            by_gateway.get(_key(gateway), ()),
            attached=attached,
            namespace_labels=namespace_labels,
            undecidable=undecidable,
        )
        programs.append(_program(gateway, gateway_pieces))
        pieces += (piece for port_pieces in gateway_pieces.values() for piece in port_pieces)

    facts = _facts(policies, attached, checked, pieces)
    problems += (problem for fact in facts for problem in fact.problems)
    return Compilation(
        programs=tuple(programs),
        limits=_limits(limit for program in programs for limit in program.limits),
        policies=facts,
        problems=tuple(sorted(problems, key=_problem_order)),
    )


def _key(gateway: Gateway) -> str:
    return f"{gateway.metadata.namespace}/{gateway.metadata.name}"


def _problem_order(problem: Problem) -> tuple[str, ...]:
    return (problem.namespace, problem.name, problem.kind, problem.field, problem.message)


# Routes


def _routes(objects: Objects) -> tuple[list[_RouteSource], list[Problem]]:
    grants = ReferenceGrants(objects.reference_grants)
    problems: list[Problem] = []
    sources: list[_RouteSource] = []
    converted: list[tuple[Route, Sequence[HTTPRouteRule | GRPCRouteRule]]] = [
        (from_http_route(route), route.spec.rules) for route in objects.http_routes
    ]
    converted += [(from_grpc_route(route), route.spec.rules) for route in objects.grpc_routes]
    for route, api_rules in sorted(converted, key=lambda pair: (pair[0].key, pair[0].kind)):
        forwardings = tuple(
            forwarding(rule, kind=route.kind, namespace=route.namespace, grants=grants) for rule in api_rules
        )
        usable, faults = _without_faulty_matches(route)
        problems += faults
        sources.append(_RouteSource(usable, forwardings))
    return sources, problems


def _without_faulty_matches(route: Route) -> tuple[Route, list[Problem]]:
    """``route`` without matches that no Envoy would take: one of them would have the whole configuration refused."""
    problems: list[Problem] = []
    rules: list[RouteRule] = []
    for rule_index, rule in enumerate(route.rules):
        sound: list[RequestMatch] = []
        for match_index, match in enumerate(rule.matches):
            wrong = next(_faults(match), None)
            if wrong is None:
                sound.append(match)
                continue
            field = spelled(("spec", "rules", rule_index, "matches", match_index))
            problems.append(
                Problem(
                    "error",
                    route.kind,
                    route.namespace,
                    route.name,
                    field,
                    f"{wrong}; no request has this match",
                )
            )
        rules.append(RouteRule(rule.name, tuple(sound)))
    return (structs.replace(route, rules=tuple(rules)) if problems else route), problems


def _faults(match: RequestMatch) -> Iterator[str]:
    for part in (*((match.path,) if match.path else ()), *match.headers, *match.query):
        if part.type == "regex" and (wrong := fault(part.value)) is not None:
            yield f'"{part.value}" is not a regular expression of RE2: {wrong}'


# Gateways


def _hostname(listener: Listener) -> str:
    return listener.hostname or EVERY_HOSTNAME


def _ports(gateway: Gateway) -> dict[int, list[Listener]]:
    """The listeners of each port that take part, in the order of the gateway.

    The first listener of a port decides its protocol, and the first with a host name has it for itself.
    """
    ports: dict[int, list[Listener]] = {}
    for listener in filter(takes_requests, gateway.spec.listeners):
        others = ports.setdefault(listener.port, [])
        if _conflict(listener, others) is None:
            others.append(listener)
    return dict(sorted(ports.items()))


def _conflict(listener: Listener, others: Sequence[Listener]) -> str | None:
    for other in others:
        if other.protocol != listener.protocol:
            return f'port {listener.port} already speaks {other.protocol} for listener "{other.name}"'
        if _hostname(other) == _hostname(listener):
            return f'host name {_hostname(listener)} of port {listener.port} already belongs to listener "{other.name}"'
    return None


def _listener_problems(gateway: Gateway) -> Iterable[Problem]:
    ports = _ports(gateway)
    for index, listener in enumerate(gateway.spec.listeners):
        taken = ports.get(listener.port, [])
        if takes_requests(listener) and not any(listener is other for other in taken):
            reason = _conflict(listener, taken)
            yield Problem(
                "error",
                "Gateway",
                gateway.metadata.namespace,
                gateway.metadata.name,
                f"spec.listeners[{index}]",
                f"{reason}; this listener serves nothing",
            )


def _gateway_pieces(
    gateway: Gateway,
    sources: Iterable[_RouteSource],
    *,
    attached: AttachedPolicies,
    namespace_labels: Mapping[str, Mapping[str, str]],
    undecidable: frozenset[tuple[str, str]],
) -> dict[int, list[RoutePiece]]:
    """The pieces of each port."""
    sources = tuple(sources)
    key = _key(gateway)
    gateway_policies = attached.on("Gateway", key)
    pieces: dict[int, list[RoutePiece]] = {}
    for port, listeners in _ports(gateway).items():
        port_hostnames = frozenset(map(_hostname, listeners))
        port_pieces = pieces.setdefault(port, [])
        for listener in listeners:
            place = ListenerPlace(gateway.spec.gateway_class_name, key, listener.name)
            listener_policies = (*gateway_policies, *attached.on("Gateway", key, listener.name))
            for source in sources:
                route = source.route
                if not is_attached(route, gateway, listener, namespace_labels):
                    continue
                hostnames = served_hostnames(route.hostnames, _hostname(listener), port_hostnames)
                if not hostnames:
                    continue
                route_policies = (*listener_policies, *attached.on(route.kind, route.key))
                piece = route_piece(
                    route,
                    place=place,
                    hostnames=hostnames,
                    forwardings=source.forwardings,
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
                    map(_hostname, listeners), (rule for piece in pieces[port] for rule in piece.rules)
                ),
            )
            for port, listeners in _ports(gateway).items()
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
    strictest: dict[tuple[str, int, tuple[str, ...], tuple[str, ...]], Limit] = {}
    for limit in limits:
        identity = (limit.namespace, limit.seconds, limit.conditions, limit.variables)
        known = strictest.get(identity)
        if known is None or limit.max_value < known.max_value:
            strictest[identity] = limit
    return tuple(
        sorted(
            strictest.values(),
            key=lambda limit: (limit.namespace, limit.name, limit.conditions, limit.seconds, limit.variables),
        )
    )


# Facts


def _facts(
    policies: Iterable[Policy],
    attached: AttachedPolicies,
    checked: Mapping[str, CheckedPolicy],
    pieces: Sequence[RoutePiece],
) -> tuple[PolicyFacts, ...]:
    outcomes: dict[str, list[PolicyOutcome]] = {}
    effective: set[tuple[str, str]] = set()
    selected: set[tuple[str, str]] = set()
    for piece in pieces:
        effective |= piece.effective
        selected |= piece.selected
        for outcome in piece.outcomes:
            outcomes.setdefault(outcome.policy, []).append(outcome)
    unselected = effective - selected
    return tuple(
        _policy_facts(policy, attached, checked[policy.key], outcomes.get(policy.key, ()), unselected)
        for policy in sorted(policies, key=lambda policy: (policy.namespace, policy.name))
    )


def _policy_facts(
    policy: Policy,
    attached: AttachedPolicies,
    checked: CheckedPolicy,
    outcomes: Sequence[PolicyOutcome],
    unselected: set[tuple[str, str]],
) -> PolicyFacts:
    acceptance = attached.acceptance[policy.key]
    problems = list(checked.problems)
    if acceptance.reason != "Accepted":
        problems.append(_warning(policy, "spec.targetRef", f"not in effect: {acceptance.message}"))
    problems += (
        _warning(
            policy,
            spelled((*policy.field, "limits", limit.name, "routeSelectors")),
            "they select nothing: the limit limits nothing",
        )
        for limit in policy.limits
        if (policy.key, limit.name) in unselected
    )
    return PolicyFacts(
        policy=policy,
        acceptance=acceptance,
        paths=len(outcomes),
        whole_paths=sum(outcome.whole for outcome in outcomes),
        partial_paths=sum(outcome.kept > 0 and not outcome.whole for outcome in outcomes),
        gateways=tuple(sorted({outcome.gateway for outcome in outcomes if outcome.kept})),
        overridden_by=tuple(
            sorted({winner for outcome in outcomes if not outcome.whole for winner in outcome.winners})
        ),
        undecidable=tuple(f"{problem.field}: {problem.message}" for problem in checked.reasons),
        problems=tuple(sorted(problems, key=_problem_order)),
    )


def _warning(policy: Policy, field: str, message: str) -> Problem:
    return Problem("warning", "RateLimitPolicy", policy.namespace, policy.name, field, message)
