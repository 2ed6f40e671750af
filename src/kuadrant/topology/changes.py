"""Finds what an edit changed: the limits of each route that came, went, or are others now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.topology.words import limit_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.topology.record import RouteNode, Topology

_Limit = tuple[str, str]
"""Policy and name."""


class RouteChanges(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The limits of a route that are not as they were, in words."""

    route: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def changes(before: Topology, after: Topology) -> tuple[RouteChanges, ...]:
    """Return what is different for each route, by its name; routes as they were are not told."""
    old, new = _by_route(before), _by_route(after)
    found = (_of_route(route, old.get(route, {}), new.get(route, {})) for route in sorted({*old, *new}))
    return tuple(one for one in found if one.added or one.removed or one.changed)


def _of_route(route: str, old: dict[_Limit, str], new: dict[_Limit, str]) -> RouteChanges:
    return RouteChanges(
        route=route,
        added=tuple(new[key] for key in sorted(new.keys() - old.keys())),
        removed=tuple(old[key] for key in sorted(old.keys() - new.keys())),
        changed=tuple(
            f"{new[key]} (was {old[key].partition(': ')[2]})"
            for key in sorted(new.keys() & old.keys())
            if new[key] != old[key]
        ),
    )


def _by_route(of: Topology) -> dict[str, dict[_Limit, str]]:
    """Each limit of a route in words, with the rules that it is for where those are not all."""
    rules: dict[str, set[str]] = {}
    words: dict[str, dict[_Limit, str]] = {}
    under: dict[tuple[str, _Limit], set[str]] = {}
    for route in _routes(of):
        name = f"{route.kind} {route.route}"
        rules.setdefault(name, set()).update(rule.name for rule in route.rules)
        told = words.setdefault(name, {})
        for rule in route.rules:
            for limit in rule.limits:
                key = (limit.policy, limit.name)
                told[key] = limit_words(limit)
                under.setdefault((name, key), set()).add(rule.name)
    return {
        name: {key: text + _rules(under[name, key], rules[name]) for key, text in told.items()}
        for name, told in words.items()
    }


def _rules(under: set[str], every: set[str]) -> str:
    return "" if under == every else f", for {', '.join(sorted(under))}"


def _routes(of: Topology) -> Iterator[RouteNode]:
    for of_class in of.classes:
        for gateway in of_class.gateways:
            for listener in gateway.listeners:
                yield from listener.routes
