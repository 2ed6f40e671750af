"""Sequences of requests for limits of every algorithm, random and malicious, and what they are promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from kuadrant.api.algorithm import SLICES
from kuadrant.api.limit_keys import MOST_HITS, hits_key
from kuadrant.api.limit_mode import is_enforced
from kuadrant.api.limitador import Limit
from kuadrant.api.response import HEADERS_KEY
from kuadrant.policy.identifiers import descriptor_entry, limit_condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from random import Random

    from kuadrant.api.algorithm import Algorithm

SCOPE = "ns/route"
SECOND = 1_000_000
HOUR = 3600 * SECOND
STEPS = 4
"""So many steps of the clock there are in a sequence on average."""
_SECONDS = (1, 3, 7, 60, 86_400)


class Call(NamedTuple):
    """One request: ``now`` in microseconds, and the entries of its descriptor."""

    now: int
    entries: tuple[tuple[str, str], ...]


def key(number: int) -> str:
    return f"limit.l{number}__{number:08x}"


def a_limit(dice: Random, number: int = 0) -> Limit:
    """A limit of any algorithm, asked for by ``key(number)``."""
    most = dice.choice((0, 1, 2, 3, 7, 10, 100))
    algorithm: Algorithm = dice.choice(("FixedWindow", "SlidingWindow", "TokenBucket"))
    return Limit(
        namespace=SCOPE,
        max_value=most,
        seconds=dice.choice(_SECONDS),
        conditions=(limit_condition(key(number)),),
        variables=dice.choice(((), (descriptor_entry("user"),))),
        name=f"l{number}",
        algorithm=UNSET if algorithm == "FixedWindow" else algorithm,
        burst=dice.choice((1, 2, most + 3)) if algorithm == "TokenBucket" and dice.random() < 0.7 else UNSET,
    )


def in_some_mode(dice: Random, limit: Limit) -> Limit:
    """The limit, or one that is as it is and not enforced for all."""
    if dice.random() < 0.5:
        return replace(limit, mode=dice.choice(("Shadow", "Soft")))
    if limit.variables and dice.random() < 0.4:
        return replace(limit, enforce_percent=dice.choice((0, 1, 50, 99, 100)))
    return limit


def calls(
    dice: Random, limits: Sequence[Limit], number: int, begin: int = 0, users: str = "ab"
) -> Iterator[Call]:
    """Requests for some of the limits each, at once and at moments where something ends."""
    now = begin
    while number > 0:
        now += _pause(dice, dice.choice(limits))
        asked = [(key(one), "1") for one in range(len(limits)) if dice.random() < 0.8]
        form = dice.choice(((), *(((HEADERS_KEY, one),) for one in ("Draft03", "RateLimit", "Both"))))
        entries = (*asked, ("user", dice.choice(users)), *costs(dice, limits), *form)
        for _ in range(dice.choice((1, 1, 2, 5, 20))):
            yield Call(now, entries)
            number -= 1


def costs(dice: Random, limits: Sequence[Limit]) -> Iterator[tuple[str, str]]:
    """Entries by which a request is several hits for some of the limits."""
    for number, limit in enumerate(limits):
        if dice.random() < 0.2:
            hits = dice.choice((1, 2, 3, 5, limit.most or 1, limit.most + 1, MOST_HITS))
            yield hits_key(key(number)), str(hits)


def cost_of(call: Call, number: int) -> int:
    """How many hits a call is for the limit of that number."""
    return int(dict(call.entries).get(hits_key(key(number)), "1"))


class Step(NamedTuple):
    """A call, and the microseconds by which its clock is ahead of the time that really passes."""

    call: Call
    ahead: int


def stepping(dice: Random, limit: Limit, number: int) -> Iterator[Step]:
    """Requests for the one counter of a limit while the clock goes an hour back and forth."""
    ahead = 0
    for now, _ in calls(dice, [limit], number, begin=100 * HOUR):
        if dice.random() < STEPS / number:
            ahead += dice.choice((-HOUR, HOUR))
        yield Step(Call(now + ahead, ((key(0), "1"),)), ahead)


def check_promise_of_steps(limit: Limit, answered: Sequence[tuple[Step, bool]]) -> None:
    """Check that nobody is let through unlimited though the clock steps, nor kept out for too long.

    Between two steps the limit's promise holds. A client is admitted when as much time has passed since the
    last admitted one, or since the first that came after a step, as a limit that is all used up takes.
    """
    if not limit.most:
        assert all(limited for _, limited in answered)
        return
    window = limit.seconds * SECOND
    if limit.counts_by == "TokenBucket":
        longest = -(-window // limit.max_value)
    else:
        longest = window + (window // SLICES if limit.counts_by == "SlidingWindow" else 0)
    before, since, admitted = None, 0, list[int]()
    for (call, ahead), limited in answered:
        really = call.now - ahead
        if ahead != before:
            check_promise(limit, admitted)
            before, since, admitted = ahead, really, []
        if limited:
            assert really - since < longest
        else:
            since = really
            admitted.append(really)
    check_promise(limit, admitted)


def on_exact_moments(call: Call) -> Call:
    """The call at one of the moments that binary fractions of seconds and whole milliseconds both know."""
    return Call(call.now - call.now % (SECOND // 8), call.entries)


def _pause(dice: Random, limit: Limit) -> int:
    window = limit.seconds * SECOND
    token = window // max(1, limit.max_value)
    part = dice.choice((0, token, window // SLICES, window - window // SLICES, window, limit.most * token))
    return max(0, dice.choice((0, 1, part, part, part, dice.randrange(window))) + dice.choice((-1, 0, 0, 1)))


def check_promise(limit: Limit, admitted: Sequence[int]) -> None:
    """Check that no interval has more of the hits that were admitted than the limit's algorithm promises."""
    window = limit.seconds * SECOND
    if limit.counts_by == "TokenBucket":
        # The latest of those that lie furthest behind what the rate alone would allow: one pass over all.
        least = 0
        for number, now in enumerate(admitted):
            behind = number * window - limit.max_value * now
            least = behind if number == 0 else min(least, behind)
            assert behind + window - least <= limit.most * window
        return
    most = limit.max_value if limit.counts_by == "SlidingWindow" else max(0, 2 * limit.max_value - 1)
    for number, now in enumerate(admitted[most:], most):
        assert now - admitted[number - most] >= window


def admitted_by_counter(
    limits: Sequence[Limit], answered: Iterable[tuple[Call, bool]]
) -> Iterator[tuple[Limit, list[int]]]:
    """Yield the moments of what was admitted, for each counter."""
    found: dict[tuple[int, str], list[int]] = {}
    for call, limited in answered:
        if not limited:
            asked = dict(call.entries)
            for number, limit in enumerate(limits):
                if key(number) in asked:
                    user = asked["user"] if limit.variables else ""
                    values = f'["{user}"]' if user else ""
                    if is_enforced(limit.percent, limit.conditions, values):
                        found.setdefault((number, user), []).extend([call.now] * cost_of(call, number))
    for (number, _), moments in found.items():
        yield limits[number], moments
