"""The headers that tell a client of the limits of its request, whose forms are those of the policy."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from kuadrant.api.response import FIELDS_TOO, HEADERS_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kuadrant.api.response import HeaderForm, Response
    from kuadrant.reference_model.counters import Answer, Standing

Headers = tuple[tuple[str, str], ...]
_UNPRINTABLE = re.compile(r"[^ -~]")
_LARGEST = 10**15 - 1


def asked(response: Response) -> Headers:
    """Return the descriptor entry by which the module asks for headers; none where it needs none, or any."""
    form: str | None = None if response.headers == "None" else response.headers
    if is_problem(response) and form not in ("RateLimit", "Both"):
        # Which limits are reached is read from them.
        form = {None: FIELDS_TOO, "None": "RateLimit", "Draft03": "Both"}[response.headers]
    return () if form is None else ((HEADERS_KEY, form),)


def is_problem(response: Response) -> bool:
    """Tell whether a refusal has a body that names the limits."""
    over = response.over_limit
    return over is not None and over.body is not None and over.body.problem


def headers(answers: Iterable[Answer], form: HeaderForm | None) -> Headers:
    """Return the headers for all answers to a request; none where no limit applies.

    Where the ``form`` is open they are ``x-ratelimit-*``, which the rate limit service sends if it is set to.
    """
    answers = [answer for answer in answers if answer.standings]
    if not answers or form == "None":
        return ()
    fields = _fields(answers) if form in ("RateLimit", "Both") else ()
    return (*(_triple(answers) if form != "RateLimit" else ()), *fields)


def _triple(answers: Iterable[Answer]) -> Headers:
    """The headers of draft 03, as Limitador writes them.

    Those of several answers are one set: that of the answer whose first limit leaves least, which also names
    the limits of the others.
    """
    merged: tuple[Standing, ...] = ()
    for answer in answers:
        one = answer.standings
        is_tighter = not merged or one[0].remaining < merged[0].remaining
        merged = (*one, *merged) if is_tighter else (*merged, *one)
    first = merged[0]
    limits = [str(first.limit.most)]
    for standing in merged:
        name = _UNPRINTABLE.sub("?", standing.limit.name.replace('"', "'"))
        limits.append(
            f"{standing.limit.most};w={standing.limit.seconds_of_most}" + (f';name="{name}"' if name else "")
        )
    return (
        ("x-ratelimit-limit", ", ".join(limits)),
        ("x-ratelimit-remaining", str(first.remaining)),
        ("x-ratelimit-reset", str(seconds(first.reset))),
    )


def _fields(answers: Iterable[Answer]) -> Headers:
    """``RateLimit-Policy`` and ``RateLimit``, with the limits of all answers in their order."""
    policies: list[str] = []
    limits: list[str] = []
    for answer in answers:
        for name, standing in zip(names(answer.standings), answer.standings, strict=True):
            limit = standing.limit
            text = '"' + "".join(f"\\{one}" if one in '"\\' else one for one in name) + '"'
            policies.append(f"{text};q={_integer(limit.most)};w={_integer(limit.seconds_of_most)}")
            more = standing.reset if standing.remaining >= standing.hits else standing.wait
            when = "" if more is None else f";t={_integer(seconds(more))}"
            limits.append(f"{text};r={_integer(standing.remaining)}{when}")
    return (("ratelimit-policy", ", ".join(policies)), ("ratelimit", ", ".join(limits)))


def names(standings: Sequence[Standing]) -> list[str]:
    """Return a name for each: that of its limit, with the window where a limit has several rates."""
    plain = [_UNPRINTABLE.sub("?", standing.limit.name) or "limit" for standing in standings]
    found: list[str] = []
    for name, standing in zip(plain, standings, strict=True):
        full = f"{name}/{standing.limit.seconds}s" if plain.count(name) > 1 else name
        others = [full, *(f"{full}/{number}" for number in range(2, len(plain) + 2))]
        found.append(next(one for one in others if one not in found))
    return found


def _integer(number: int) -> int:
    return max(0, min(number, _LARGEST))


def seconds(time: float) -> int:
    """Return a time in whole seconds, rounded up, but not for an error of floating point."""
    return math.ceil(round(time, 6))
