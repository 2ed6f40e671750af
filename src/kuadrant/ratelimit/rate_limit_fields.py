"""The fields ``RateLimit`` and ``RateLimit-Policy`` of draft-ietf-httpapi-ratelimit-headers-11.

They are lists of RFC 9651: a member for each limit, by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.limit_keys import VIOLATED_HEADER
from kuadrant.ratelimit.limit_names import member_names
from kuadrant.ratelimit.retry_after import whole_seconds
from kuadrant.ratelimit.x_ratelimit_headers import seconds_of_most

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.ratelimit.counters import Standing

_LARGEST: Final = 10**15 - 1
"""The largest integer of RFC 9651."""


def rate_limit_fields(standings: Sequence[Standing]) -> list[tuple[str, str]]:
    """Name and value of each field, from the standings of a decision, the most restrictive first.

    ``"per-user";q=5;w=10``: a quota of five in ten seconds; of a bucket, its burst, and the time in which as
    much comes. ``"per-user";r=3;t=7``: three are left, and more of them come in seven seconds at the latest;
    without ``t`` if that is never.
    """
    policies: list[str] = []
    limits: list[str] = []
    for name, standing in zip(member_names(standings), standings, strict=True):
        ask = standing.ask
        text = _quoted(name)
        window = seconds_of_most(ask)
        policies.append(f"{text};q={_integer(ask.max_value)}" + (f";w={_integer(window)}" if window else ""))
        more = standing.reset if standing.remaining >= ask.hits else standing.wait
        left = f"{text};r={_integer(standing.remaining)}"
        limits.append(left if more is None else f"{left};t={_integer(whole_seconds(more))}")
    return [("ratelimit-policy", ", ".join(policies)), ("ratelimit", ", ".join(limits))]


def violated(standings: Sequence[Standing]) -> list[tuple[str, str]]:
    """Name and value of the header that names the limits without room for what a request costs.

    They are written as in ``RateLimit``, whose ``r=0`` names them where nothing is left: then there is none.
    """
    reached = [one.remaining < one.ask.hits for one in standings]
    if all(one.remaining == 0 for one, is_reached in zip(standings, reached, strict=True) if is_reached):
        return []
    names = zip(member_names(standings), reached, strict=True)
    return [(VIOLATED_HEADER, ", ".join(f"{_quoted(name)};r=0" for name, is_reached in names if is_reached))]


def _quoted(name: str) -> str:
    text = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _integer(number: int) -> int:
    return min(max(number, 0), _LARGEST)
