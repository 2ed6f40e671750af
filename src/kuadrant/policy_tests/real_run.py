"""Prepares a run against a real gateway: what cannot be asked there, and when counters are free.

The rest is as in a simulation, with the same judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kuadrant.policy_tests.judgement import Judge
from kuadrant.policy_tests.moments import spelled_time
from kuadrant.policy_tests.schedule import schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kuadrant.policy_tests.file_format import AskedRequest, PolicyTestFile
    from kuadrant.policy_tests.observation import Observation
    from kuadrant.policy_tests.results import CaseResult, Miss
    from kuadrant.policy_tests.schedule import Turn
    from kuadrant.policy_tests.simulation import Simulated
    from kuadrant.reference_model.counters import CounterKey

MOST_BODY: Final = 1 << 20
"""The most bytes that are sent for a ``content-length``."""
MARGIN_MILLISECONDS: Final = 50
"""How much longer is waited than a test says: the clock of the rate limit service is another one."""


class RealRun:
    """A run against a real gateway, where what one test has counted is there for the next one, too.

    ``seen_from`` is the address from which the gateway sees us, where that is known.
    """

    def __init__(self, longest_wait: int, seen_from: str = "") -> None:
        self._longest_wait = longest_wait
        self._seen_from = seen_from
        self._free_at: dict[CounterKey, float] = {}

    def obstacle(self, turns: Sequence[Turn], simulated: Simulated, now: float) -> str:
        """Say why a test cannot be asked at ``now``, in seconds; nothing if it can be.

        ``simulated`` is what becomes of it by itself.
        """
        for turn in turns:
            if missing := _missing(turn.request, self._seen_from):
                return f"steps[{turn.step}].{missing}"
        longest = max(self.wait(simulated, now), *(turn.wait for turn in turns))
        if longest > self._longest_wait:
            bound = spelled_time(self._longest_wait)
            return f"takes a wait of {spelled_time(longest)}; --longest-wait is {bound}"
        return ""

    def wait(self, simulated: Simulated, now: float) -> int:
        """Return the milliseconds until the counters of a test are as fresh as it expects them."""
        free = max((self._free_at.get(key, now) for key in simulated.counters), default=now)
        return max(0, round((free - now) * 1000))

    def counted(self, simulated: Simulated, now: float) -> None:
        """Note that a test has ended at ``now``."""
        margin = MARGIN_MILLISECONDS / 1000
        self._free_at.update((key, now + left + margin) for key, left in simulated.open_for.items())


def turns_of(file: PolicyTestFile, case: int) -> tuple[Turn, ...]:
    """Return what a test sends."""
    return tuple(schedule(file.tests.tests[case]))


def judged(
    file: PolicyTestFile,
    case: int,
    simulated: Simulated,
    observations: Mapping[int, Sequence[Observation]],
    scheme: str,
) -> CaseResult:
    """Return what became of a test of which this was observed, by step, over ``scheme``.

    What a client does not see is not compared.
    """
    misses: list[Miss] = []
    not_compared: dict[str, None] = {}
    for turn in turns_of(file, case):
        if turn.step in observations:
            judge = Judge(file, case, turn, scheme)
            alone = simulated.statuses[turn.step]
            misses += (
                _with_others(miss, observations[turn.step], alone, simulated.longest)
                for miss in judge.misses(observations[turn.step])
            )
            not_compared.update(dict.fromkeys(judge.not_compared()))
    return replace(
        simulated.result,
        requests=sum(map(len, observations.values())),
        misses=tuple(misses),
        not_compared=tuple(not_compared),
    )


def _with_others(
    miss: Miss, seen: Sequence[Observation], alone: Sequence[int | None], longest: float
) -> Miss:
    """``miss``, with what else may have counted where a request was limited that is not by itself."""
    limited = any(one.status == _LIMITED != by_itself for one, by_itself in zip(seen, alone, strict=False))
    if not longest or not limited or not (miss.field.endswith("status") or "headers" in miss.field):
        return miss
    wait = spelled_time(round(longest * 1000))
    words = (
        "by the requests of this test alone the limit would not be reached: others have counted there, or "
        f"this command the last time; wait {wait}, and run it again"
    )
    return replace(miss, why=f"{miss.why}; {words}")


_LIMITED: Final = 429
_OF_THE_CONNECTION: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "trailer", "transfer-encoding", "upgrade", "expect"}
)


def _missing(request: AskedRequest, seen_from: str) -> str:
    if request.source is not None and request.source != seen_from:
        return "request.source: a real gateway sees where we are"
    if request.jwt is not None:
        return "request.jwt: a real gateway takes only a token that its issuer has signed"
    own = next((name for name in request.headers if name.lower() in _OF_THE_CONNECTION), None)
    if own is not None:
        return f"request.headers.{own}: what is about the connection is up to who sends it"
    length = body_length(request)
    if length is None or length > MOST_BODY:
        return f"request.headers.content-length: a body of 0 to {MOST_BODY} bytes can be sent"
    return ""


def body_length(request: AskedRequest) -> int | None:
    """Return how long a body the request has by its ``content-length``; None if that is no number."""
    for name, value in request.headers.items():
        if name.lower() == "content-length":
            text = value.strip()
            return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
    return 0
