"""The values of programs, and when two are equal, as ``cel/value.zig`` has them.

A text is ``bytes`` in UTF-8; null, booleans, integers, doubles, lists, durations and timestamps are Python's.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from kuadrant.reference_model.steps.budget import Work

VALUE, ENTRY, MAP = 24, 48, 12
"""What of memory a value, an entry of a map and a map without its entries have."""


class Failure(Enum):
    """The reason that there is no value, as far as that makes a difference."""

    OTHER = 0
    NO_SUCH_KEY = 1
    NO_SUCH_INDEX = 2


class Uint(int):
    """An unsigned integer."""


class Octets(bytes):
    """Bytes that are no text."""


class Typed(Struct, frozen=True):
    """A type, by its number."""

    number: int


class Optional(Struct, frozen=True):
    """An optional value; ``inner`` is empty where there is none."""

    inner: tuple[Any, ...] = ()


class Map(Struct, frozen=True):
    """Keys with their values; those of ``headers`` are found in any case."""

    entries: list[tuple[Any, Any]]
    headers: bool = False

    def find(self, work: Work, key: Any) -> tuple[Any, ...]:
        """Return what is there under ``key``; empty if nothing is. A number is found as another kind, too."""
        if found := self.exactly(work, key):
            return found
        if type(key) is int:
            return self.exactly(work, Uint(key)) if key >= 0 else ()
        if type(key) is Uint:
            return self.exactly(work, int(key)) if key < 1 << 63 else ()
        if type(key) is float and math.isfinite(key) and key == math.trunc(key):
            if -(2.0**63) <= key < 2.0**63 and (found := self.exactly(work, int(key))):
                return found
            return self.exactly(work, Uint(key)) if 0 <= key < 2.0**64 else ()
        return ()

    def exactly(self, work: Work, key: Any) -> tuple[Any, ...]:
        """Return what is there under ``key`` itself."""
        work.take(len(self.entries) // 2)
        if type(key) is bytes:
            return self._text(work, key)
        if type(key) not in (bool, int, Uint):
            return ()
        return next(((value,) for one, value in self.entries if type(one) is type(key) and one == key), ())

    def _text(self, work: Work, key: bytes) -> tuple[Any, ...]:
        if self.headers and key.lower() == b"host":
            key = b":authority"
        wanted, each = (key.lower(), 4) if self.headers else (key, 32)
        for one, value in self.entries:
            if type(one) is bytes and len(one) == len(key):
                work.take(1 + len(key) // each)
                if (one.lower() if self.headers else one) == wanted:
                    return (value,)
        return ()


NUMBERS: Final = frozenset({int, Uint, float})
_KINDS: Final[dict[type, int]] = {
    type(None): 0,
    bool: 1,
    int: 2,
    Uint: 3,
    float: 4,
    bytes: 5,
    Octets: 6,
    list: 7,
    Map: 8,
    timedelta: 9,
    datetime: 10,
    Typed: 11,
    Optional: 12,
}


def type_of(value: Any) -> Typed:
    """The type of a value."""
    return Typed(_KINDS[type(value)])


def is_key(value: Any) -> bool:
    """Tell whether a map can have such a key."""
    return type(value) in (bool, int, Uint, bytes)


def equal(work: Work, a: Any, b: Any) -> bool:  # noqa: PLR0911 - one for each kind
    """Tell whether two values are equal."""
    work.take(1)
    if type(a) in NUMBERS and type(b) in NUMBERS:
        return bool(_as_one(a, b) == _as_one(b, a))
    if type(a) is not type(b):
        return False
    if isinstance(a, bytes):
        if len(a) != len(b):
            return False
        work.over(len(a))
        return bytes(a) == bytes(b)
    if isinstance(a, list):
        return len(a) == len(b) and all(equal(work, one, other) for one, other in zip(a, b, strict=True))
    if isinstance(a, Map):
        return len(a.entries) == len(b.entries) and all(
            bool(other := b.find(work, key)) and equal(work, one, other[0]) for key, one in a.entries
        )
    if isinstance(a, Optional):
        if not a.inner or not b.inner:
            return not a.inner and not b.inner
        return equal(work, a.inner[0], b.inner[0])
    return bool(a == b)


def compared(work: Work, a: Any, b: Any) -> tuple[Any, Any] | None:
    """Two values in a form in which Python compares them; None if they have no order."""
    if type(a) in NUMBERS and type(b) in NUMBERS:
        return _as_one(a, b), _as_one(b, a)
    if type(a) is not type(b) or type(a) not in (bool, bytes, Octets, timedelta, datetime):
        return None
    if isinstance(a, bytes):
        work.through(min(len(a), len(b)))
    return a, b


def _as_one(a: Any, b: Any) -> Any:
    """``a`` in the form in which it is compared with ``b``."""
    return float(a) if isinstance(a, float) or isinstance(b, float) else int(a)
