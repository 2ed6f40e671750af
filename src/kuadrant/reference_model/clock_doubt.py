"""What nobody can say of a decision who does not know the clock of the rate limit service.

A sliding window is counted in slices of that clock, so a hit counts for one window to 1.1 windows, by where
in its slice it falls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.api.limit_mode import SOFT
from kuadrant.reference_model.client_headers import headers
from kuadrant.reference_model.counters import again
from kuadrant.reference_model.over_limit import refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.api.response import Response
    from kuadrant.reference_model.counters import Answer
    from kuadrant.reference_model.request import Request


class ClockDoubt(Struct, frozen=True, gc=False):
    """Tells whether the ``verdict`` is in doubt, else which ``headers`` are, and whether the body is.

    ``signals`` are in doubt if it is not known which soft limits are exceeded.
    """

    verdict: bool = False
    headers: frozenset[str] = frozenset()
    body: bool = False
    signals: bool = False


def clock_doubt(
    answers: Sequence[Answer], response: Response, request: Request, looked: Sequence[Answer] = ()
) -> ClockDoubt | None:
    """Return what of the decision that ``answers`` led to depends on that clock; None if nothing does.

    ``looked`` are those that were asked for afterwards, when they have room.
    """
    if any(not answer.is_known for answer in answers):
        return ClockDoubt(verdict=True)
    marks = any(
        not one.is_known and one.standing.limit.mode == SOFT for answer in answers for one in answer.watched
    )
    if not marks and all(answer.bounds is None and not answer.in_doubt for answer in (*answers, *looked)):
        return None
    one, other = ([_bound(answer, which) for answer in answers] for which in (0, 1))
    told = [dict(headers(some, response.headers)) for some in (one, other)]
    names = {name for name in told[0].keys() | told[1].keys() if told[0].get(name) != told[1].get(name)}
    waits = [again(_bound(answer, which) for answer in (*answers, *looked)) for which in (0, 1)]
    if answers[-1].limited and (waits[0] != waits[1] or any(answer.in_doubt for answer in looked)):
        names |= {"retry-after", "grpc-retry-pushback-ms"}
    bodies = {refused(response, some[-1], request) for some in (one, other) if some[-1].limited}
    found = ClockDoubt(headers=frozenset(names), body=len(bodies) > 1, signals=marks)
    return None if found == ClockDoubt() else found


def _bound(answer: Answer, which: int) -> Answer:
    return answer if answer.bounds is None else replace(answer.bounds[which], bounds=None)
