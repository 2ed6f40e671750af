"""Decides which part of a route the route selectors of a ``kuadrant.io/v1beta2`` limit are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from kuadrant.policy.match import RequestMatch
    from kuadrant.policy.model import RouteSelector
    from kuadrant.policy.route import RouteRule


def selects(selectors: Iterable[RouteSelector], rule: RouteRule, hostnames: AbstractSet[str]) -> bool:
    """Tell whether one of ``selectors``, or the lack of any, is for ``rule`` under a host name.

    ``hostnames`` are the names by which that host name can be meant: the one that is served, and those of the
    route that it comes from. They compare literally (``*.example.com`` does not mean ``api.example.com``), as
    Kuadrant does.
    """
    selectors = tuple(selectors)
    return not selectors or any(_selects(selector, rule, hostnames) for selector in selectors)


def _selects(selector: RouteSelector, rule: RouteRule, hostnames: AbstractSet[str]) -> bool:
    if selector.hostnames and hostnames.isdisjoint(selector.hostnames):
        return False
    # A rule that is selected is so with all of its matches, not only with those that have the statements.
    return not selector.matches or any(
        contains(match, wanted) for wanted in selector.matches for match in rule.matches
    )


def contains(match: RequestMatch, wanted: RequestMatch) -> bool:
    """Tell whether ``match`` makes every statement that ``wanted`` makes, word for word."""
    return (
        (wanted.path is None or wanted.path == match.path)
        and (wanted.method is None or wanted.method == match.method)
        and set(wanted.headers) <= set(match.headers)
        and set(wanted.query) <= set(match.query)
    )
