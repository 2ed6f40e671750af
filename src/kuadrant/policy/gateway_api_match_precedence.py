"""Orders matching rules as Gateway API does: a request belongs to the first.

The precedence of Gateway API, across all routes of a host name.

Exact paths come first, then regular expressions (longest first), then the longest prefix; then a match with a
method, then more headers, then more query parameters. What is equal by then is ordered by the age of the
route, its name, and the place of rule and match in it. The order is total: no two matches of a host name
compare equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from kuadrant.policy.match import RequestMatch

_PATH_ORDER = {"exact": 0, "regex": 1, "prefix": 2}


class Place(Struct, frozen=True, gc=False):
    """The place of a match in documents: it decides between matches that are equally specific.

    ``created`` is the route's creation time in RFC 3339 (UTC, whole seconds, so that its text sorts by time);
    a route that has none, because no API server has seen it, counts as the oldest.
    """

    created: str
    route: str
    kind: str
    rule: int
    match: int


PrecedenceKey = tuple[int, int, bool, int, int, str, str, str, int, int]


def precedence(match: RequestMatch, place: Place) -> PrecedenceKey:
    """A sort key: the match with the lowest is tried first."""
    # A match without a path holds for every path, as the prefix "/" does.
    path_type, path_length = (match.path.type, len(match.path.value)) if match.path else ("prefix", 1)
    return (
        _PATH_ORDER[path_type],
        -path_length,
        match.method is None,
        -len(match.headers),
        -len(match.query),
        place.created,
        place.route,
        place.kind,
        place.rule,
        place.match,
    )
