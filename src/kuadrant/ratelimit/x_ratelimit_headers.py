"""The headers of an answer: ``x-ratelimit-*`` (draft 03), as Limitador writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.ratelimit.limit_names import printable_name
from kuadrant.ratelimit.retry_after import whole_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.ratelimit.counters import Ask, Standing


def seconds_of_most(ask: Ask) -> int:
    """The seconds in which as many hits may come again as the counter holds at once."""
    seconds = ask.counters.seconds
    return seconds if ask.rate in (0, ask.max_value) else -(-ask.max_value * seconds // ask.rate)


def rate_limit_headers(standings: Sequence[Standing]) -> list[tuple[str, str]]:
    """Name and value of each header, from the standings of a decision.

    At least one, the most restrictive first.

    ``x-ratelimit-limit`` is the most restrictive limit, then every limit with its window and name, for
    example ``5, 5;w=10;name="a", 100;w=60``. That of a bucket is its burst, and the time in which as much
    comes. ``x-ratelimit-reset`` is in seconds, rounded up: at that time the counter is whole again.
    """
    first = standings[0]
    limits = [str(first.ask.max_value)]
    for standing in standings:
        ask = standing.ask
        name = printable_name(ask.name.replace('"', "'"))
        limits.append(f"{ask.max_value};w={seconds_of_most(ask)}" + (f';name="{name}"' if name else ""))
    return [
        ("x-ratelimit-limit", ", ".join(limits)),
        ("x-ratelimit-remaining", str(first.remaining)),
        ("x-ratelimit-reset", str(whole_seconds(first.reset))),
    ]
