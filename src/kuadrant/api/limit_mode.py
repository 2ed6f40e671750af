"""Tells what a limit does where it has no room: it refuses, says so, or marks the request."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Mode = Literal["Enforce", "Shadow", "Soft"]

ENFORCE: Final = "Enforce"
"""What has no room is refused."""
SHADOW: Final = "Shadow"
"""What has no room is reported, and goes on: the limit changes nothing that anybody meets."""
SOFT: Final = "Soft"
"""What has no room is counted and goes on, with headers that say so to whoever serves it."""

EVERYBODY: Final = 100
"""The percentage of a limit that enforces."""
_LONGEST_VALUE: Final = 64


def is_enforced(percent: int, conditions: Iterable[str], values: str) -> bool:
    """Tell whether a limit refuses those with these values if it enforces for `percent` of all.

    The answer is the same on every try and in every process. What is enforced at some percentage is so at
    every greater one.

    Args:
        percent: 0 to 100.
        conditions: those of the limit, in any order: of two limits other values come first.
        values: as `counter_text` writes them.
    """
    if percent in (0, EVERYBODY):
        return percent == EVERYBODY
    text = "\n".join((*sorted(conditions), values))
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) % 100 < percent


def counter_text(values: Sequence[str]) -> str:
    """Return the text for the values of a limit's variables, in their order: long ones become a digest."""
    short = [value if len(value) <= _LONGEST_VALUE else _digest(value) for value in values]
    return msgspec.json.encode(short).decode()


def _digest(value: str) -> str:
    # The prefix keeps a digest apart from any value that is short enough to stand for itself.
    digest = blake2b(value.encode(errors="surrogatepass"), digest_size=32).hexdigest()
    return f"{digest}/{len(value)}"
