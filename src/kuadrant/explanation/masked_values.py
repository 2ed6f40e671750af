"""Decides which values of headers an explanation masks: all but those that say what is asked for."""

from __future__ import annotations

from typing import Final

from kuadrant.policy.attributes import TABLE

MASK: Final = "(masked)"
"""What stands in place of a value that is not shown."""

_FROM_HEADERS: Final = frozenset(one.path for one in TABLE if one.header) | {("request", "headers")}
_OF_THE_ADDRESS: Final = frozenset({":authority", ":path", ":method", ":scheme", "host", "x-forwarded-proto"})
"""What is asked for is no secret, by whichever name it is read."""


def is_of_headers(path: tuple[str, ...]) -> bool:
    """Tell whether the attribute at ``path`` may have the value of a header that is masked."""
    if len(path) < 2:  # the whole of a root
        return path == ("request",)
    if path[:2] not in _FROM_HEADERS:
        return False
    return len(path) < 3 or path[2] not in _OF_THE_ADDRESS
