"""What a request must be like to belong to a rule of a route, free of any API's shape."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class StringMatch(Struct, frozen=True, gc=False):
    """A named value that a request must carry: a header (name in lower case) or a query parameter."""

    name: str
    value: str
    type: Literal["exact", "regex"] = "exact"


class PathMatch(Struct, frozen=True, gc=False):
    """A condition on the path without its query.

    ``prefix`` is on segment boundaries (``/toy`` holds for ``/toy`` and ``/toy/x``, not for ``/toystore``)
    and never ends in ``/`` unless it is ``/`` itself; ``regex`` has to match the whole path.
    """

    value: str
    type: Literal["exact", "prefix", "regex"] = "prefix"


class RequestMatch(Struct, frozen=True, gc=False):
    """All that a request must fulfil to belong to a rule; an absent part holds for every request."""

    path: PathMatch | None = None
    method: str | None = None
    headers: tuple[StringMatch, ...] = ()
    query: tuple[StringMatch, ...] = ()
