"""The view *Policy*: all policies, or one with the limits of each rule that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, to_builtins

from kuadrant.console.now_page import Trouble, edits_told, finding_trouble, gravest_first
from kuadrant.explanation import Configuration
from kuadrant.topology import limit_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.console.console_state import ConsoleState, Edit
    from kuadrant.console.topology_index import PolicyEntry, RouteEntry, TopologyIndex
    from kuadrant.topology import LimitNode, RuleNode

PAGE: Final = 100
"""Policies, or rules of a policy, on a page."""
_MOST_EDITS: Final = 5


def policies_page(shown: ConsoleState, index: TopologyIndex, query: str, page: int) -> dict[str, Any]:
    """Return the policies of which every word of ``query`` is in the name, target or state."""
    words = query.lower().split()
    found = [
        (name, one)
        for name, one in index.policies.items()
        if all(word in f"{name} {one.target} {one.node.state}".lower() for word in words)
    ]
    last = max(0, (len(found) - 1) // PAGE)
    page = min(max(0, page), last)
    return {
        "query": query,
        "page": page,
        "pages": last + 1,
        "found": len(found),
        "all": len(index.policies),
        "policies": [
            {**_head(name, one), "conditions": to_builtins(shown.conditions.get(name, ()))}
            for name, one in found[page * PAGE : (page + 1) * PAGE]
        ],
    }


def policy_page(shown: ConsoleState, index: TopologyIndex, name: str, page: int) -> dict[str, Any] | None:
    """Return one policy (``namespace/name``); None if there is none of that name."""
    entry = index.policies.get(name)
    if entry is None:
        return None
    rules = [
        (one, rule) for one in _routes(entry, index) for rule in one.route.rules if _is_of(rule, one, name)
    ]
    last = max(0, (len(rules) - 1) // PAGE)
    page = min(max(0, page), last)
    places = _Places(shown.configuration)
    return {
        **_head(name, entry),
        "page": page,
        "pages": last + 1,
        "found": len(rules),
        "conditions": to_builtins(shown.conditions.get(name, ())),
        "findings": to_builtins(gravest_first(_findings(shown, name))),
        "rules": [
            {
                "gateway": one.gateway,
                "listener": one.listener.name,
                "kind": one.route.kind,
                "route": one.route.route,
                "hostnames": list(one.route.hostnames),
                "rule": rule.name,
                "matches": list(rule.matches),
                "origin": str(rule.origin),
                "limits": [_limit(limit, places) for limit in rule.limits],
            }
            for one, rule in rules[page * PAGE : (page + 1) * PAGE]
        ],
        "edits": edits_told(_edits(shown, entry, index)),
    }


def _findings(shown: ConsoleState, name: str) -> Iterator[Trouble]:
    return (one for one in map(finding_trouble, shown.findings) if one.policy == name)


def _head(name: str, entry: PolicyEntry) -> dict[str, Any]:
    node = entry.node
    return {
        "policy": name,
        "target": entry.target,
        "section": node.section,
        "strategy": node.strategy,
        "state": node.state,
        "because": node.because,
        "origin": str(node.origin),
        "routes": len(entry.routes),
    }


def _routes(entry: PolicyEntry, index: TopologyIndex) -> Iterator[RouteEntry]:
    return (index.routes[number] for number in entry.routes)


def _is_of(rule: RuleNode, entry: RouteEntry, name: str) -> bool:
    """Tell whether a policy is on the path of a rule, or has a limit there."""
    attached = (*entry.route.policies, *rule.policies)
    return any(one.policy == name for one in attached) or any(one.policy == name for one in rule.limits)


class _Places(Struct, frozen=True):
    """Knows where limits are written."""

    configuration: Configuration | None

    def of(self, limit: LimitNode) -> str:
        if self.configuration is None:
            return f"RateLimitPolicy {limit.policy}"
        block = () if limit.section == "limits" else (limit.section,)
        path = ("spec", *block, "limits", limit.name)
        return str(self.configuration.origins.of("RateLimitPolicy", limit.policy, path))


def _limit(limit: LimitNode, places: _Places) -> dict[str, Any]:
    return {
        "name": limit.name,
        "policy": limit.policy,
        "section": limit.section,
        "words": limit_words(limit),
        "origin": places.of(limit),
    }


def _edits(shown: ConsoleState, entry: PolicyEntry, index: TopologyIndex) -> Iterator[Edit]:
    """Yield the last edits that were about the routes of the policy, with only these routes."""
    routes = {f"{one.route.kind} {one.route.route}" for one in _routes(entry, index)}
    told = 0
    for edit in shown.edits:
        of_policy = tuple(one for one in edit.routes if one.route in routes)
        if of_policy and told < _MOST_EDITS:
            told += 1
            yield type(edit)(at=edit.at, routes=of_policy)
