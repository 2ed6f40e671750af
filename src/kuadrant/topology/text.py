"""A topology as a tree of lines, each below what it hangs on."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from kuadrant.api.problem import printable
from kuadrant.explanation.short_text import WIDTH, Style, plain
from kuadrant.topology.words import limit_words, listener_words, policy_words, route_words, rule_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kuadrant.topology.record import (
        GatewayNode,
        IdleRoute,
        PolicyNode,
        RouteNode,
        State,
        Topology,
    )

_STYLES: Final[dict[State, Style]] = {
    "in effect": "good",
    "in part": "doubtful",
    "overridden": "bad",
    "no path": "doubtful",
    "not accepted": "bad",
}
_Line = tuple[int, str, Style | None]
"""How deep, what, and how it is shown."""


def text(topology: Topology, paint: Callable[[Style, str], str] = plain) -> str:
    """Return the tree; ``paint`` colours a line."""
    lines: list[str] = []
    for depth, words, style in _lines(topology):
        indent = "  " * depth
        wrapped = textwrap.wrap(
            words,
            WIDTH,
            initial_indent=indent,
            subsequent_indent=f"{indent}    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += (line if style is None else paint(style, line) for line in wrapped)
    return "\n".join(lines)


def _lines(of: Topology) -> Iterator[_Line]:
    if not of.classes:
        yield 0, "there is no Gateway", "doubtful"
    for one in of.classes:
        yield 0, f"GatewayClass {one.name}", None
        for gateway in one.gateways:
            yield from _gateway(gateway)
    if of.idle_routes or of.idle_policies:
        yield 0, "attached to nothing (kuadrant check tells why):", "doubtful"
        for route in of.idle_routes:
            yield from _idle(route)
        yield from _policies(of.idle_policies, 1)
    for note in of.notes:
        yield 0, f"note: {note}", "doubtful"


def _gateway(gateway: GatewayNode) -> Iterator[_Line]:
    yield 1, f"Gateway {gateway.gateway}", None
    yield from _policies(gateway.policies, 2)
    for listener in gateway.listeners:
        yield 2, listener_words(listener), None
        if listener.not_served is not None:
            yield (
                3,
                f"not served by {listener.not_served.by}: {printable(listener.not_served.because)}",
                "bad",
            )
        yield from _policies(listener.policies, 3)
        for route in listener.routes:
            yield from _route(route)
        if not listener.routes:
            yield 3, "no route", "doubtful"


def _route(route: RouteNode) -> Iterator[_Line]:
    yield 3, route_words(route), None
    yield from _policies(route.policies, 4)
    for rule in route.rules:
        yield 4, rule_words(rule), None
        yield from _policies(rule.policies, 5)
        for limit in rule.limits:
            yield 5, f"limit {limit_words(limit)} ({limit.policy})", None
        if not rule.limits:
            yield 5, "not limited", None


def _idle(route: IdleRoute) -> Iterator[_Line]:
    yield 1, f"{route.kind} {route.route}: no listener takes it", "doubtful"
    yield from _policies(route.policies, 2)


def _policies(policies: Iterable[PolicyNode], depth: int) -> Iterator[_Line]:
    for policy in policies:
        place = f" [{policy.origin.file}:{policy.origin.line}]" if policy.origin.file else ""
        yield depth, f"{policy_words(policy)}{place}", _STYLES[policy.state]
