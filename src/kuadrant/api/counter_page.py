"""Defines the page of counters nearest to their limit, as a rate limit service tells it."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from msgspec import UNSET, Struct, UnsetType, structs

from kuadrant.api.limit_mode import ENFORCE, EVERYBODY, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PATH: Final = "/counters"
PROOF_HEADER: Final = "x-kuadrant-counters-proof"
"""Of a question for values: who asks has the key of the installation."""
PROOF_SECONDS: Final = 60
"""So long a proof is one."""
MOST: Final = 100
"""Counters on a page."""

_PURPOSE: Final = "kuadrant-counters/1\n"


class CounterLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One counter.

    Attributes:
        scope: What it is counted for, a route or a policy (``namespace/name``).
        limit: The limit's name.
        max_value: The most hits of a window.
        seconds: How long a window is.
        value: The hits so far.
        remaining: What is left of the window.
        resets_in: Seconds until it begins anew.
        key: What it is counted by, each with its value; empty where there is one counter for all.
        shared: It is the one that new values share, since there is no room for more.
        enforce_percent: For how many of a hundred values the limit refuses; the others are in shadow.
        mode: What the limit does where it has no room.
        by_cost: A request may be several hits.
    """

    scope: str
    limit: str
    max_value: int
    seconds: int
    value: int
    remaining: int
    resets_in: float
    key: tuple[tuple[str, str], ...] = ()
    shared: bool = False
    enforce_percent: int = EVERYBODY
    mode: Mode = ENFORCE
    by_cost: bool = False


class CounterPage(Struct, frozen=True, kw_only=True):
    """The counters that are nearest to their limit, these first.

    Attributes:
        lines: At most as many as were asked for.
        counted: How many live counters were looked at.
        unseen: How many more there may be: the oldest ones, since looking at all would take too long.
        stored: Counters are in a store, and are not told.
        masked: Values are not shown.
        policies: The policies that there are, where the one that was asked for is none of them.
    """

    lines: tuple[CounterLine, ...] = ()
    counted: int = 0
    unseen: int = 0
    stored: bool = False
    masked: bool = True
    policies: tuple[str, ...] | UnsetType = UNSET


def masked(page: CounterPage, mask: Callable[[str], str]) -> CounterPage:
    """Return a page with ``mask`` of each value in its place."""
    lines = (
        structs.replace(line, key=tuple((name, mask(value)) for name, value in line.key))
        for line in page.lines
    )
    return structs.replace(page, lines=tuple(lines), masked=True)


def proof(key: bytes, uid: str, now: float) -> str:
    """Return what shows the pod of this UID that who asks has the key, for ``PROOF_SECONDS`` from ``now``."""
    until = int(now) + PROOF_SECONDS
    return f"{until} {_made(key, uid, until)}"


def is_proof(shown: str, keys: Iterable[bytes], uid: str, now: float) -> bool:
    """Tell whether ``shown`` is a proof by one of ``keys`` for the pod of this UID at this time."""
    until, _, made = shown.partition(" ")
    if not until.isascii() or not until.isdigit() or len(until) > len(str(2**40)):
        return False
    if not now <= int(until) <= now + PROOF_SECONDS:
        return False
    expected = (_made(key, uid, int(until)) for key in keys)
    return any(hmac.compare_digest(one.encode(), made.encode(errors="replace")) for one in expected)


def _made(key: bytes, uid: str, until: int) -> str:
    return hmac.digest(key, f"{_PURPOSE}{uid}\n{until}".encode(), "sha256").hex()
