"""A console of a small world, without a gateway: what is shown, and who answers for what goes by."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from kuadrant.api.counter_page import CounterLine, CounterPage
from kuadrant.api.decision_page import DecisionPage, DecisionQuestion, ReportedDecision
from kuadrant.api.limit_calls import CallTotals, LimitCalls, ScopeCalls
from kuadrant.console.console_state import ConsoleState
from kuadrant.topology import topology
from tests.unit.explanation.asking import WORLD, configuration

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT = """
create:
  rates: [{limit: 2, window: 10s}]
  when: [{predicate: "request.method == 'POST'"}]
"""


def shown(*policies: str, world: str = WORLD, **more: Any) -> ConsoleState:
    of = configuration(*policies, world=world)
    return ConsoleState(place="toys", configuration=of, topology=topology(of), **more)


class Answers:
    """Sources that say what a test has them say.

    Attributes:
        coming: Decisions that are told next.
        asked: The questions for decisions.
    """

    def __init__(self) -> None:
        self.coming: deque[ReportedDecision | str] = deque()
        self.asked: list[DecisionQuestion] = []

    async def counters(self, policy: str, most: int) -> Mapping[str, CounterPage | str]:  # noqa: ARG002
        line = CounterLine(
            scope="default/toys", limit="create", max_value=2, seconds=10, value=2, remaining=0, resets_in=4.0
        )
        return {"one": CounterPage(lines=(line,), counted=1), "two": "cannot be asked"}

    async def totals(self) -> CallTotals:
        limits = (LimitCalls(limit="create", limited=3, shadow=1),)
        return CallTotals(scopes=(ScopeCalls(scope="default/toys", admitted=5, limits=limits),), failed=1)

    async def decisions(self, asked: DecisionQuestion) -> Mapping[str, DecisionPage | str]:
        self.asked.append(asked)
        told = []
        while self.coming:
            one = self.coming.popleft()
            if isinstance(one, str):
                return {"one": one}
            told.append(one)
        return {"one": DecisionPage(decisions=tuple(told))}


def decision(path: str = "/toys", **fields: Any) -> ReportedDecision:
    return ReportedDecision(
        **({"verdict": "allowed", "method": "GET", "host": "toys.x", "path": path} | fields)
    )
