"""Chooses which of the questions that wait for the store are asked next, together: tenants take turns."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_QUESTIONS: Final = 64
"""How many go together."""
# What a script takes grows with its counters, and nobody is answered before all of a batch are.
MOST_COUNTERS: Final = 256
"""How many counters they have together; a question that has more is asked alone."""


class Question(NamedTuple):
    """A question of a tenant: what the script gets, until when it may wait, and who waits for the answer."""

    tenant: str
    keys: Sequence[bytes]
    arguments: Sequence[str | int]
    until: float
    answer: Any


class WaitingQuestions:
    """Questions in the order in which they came, for each tenant."""

    def __init__(self) -> None:
        self._of_tenant: dict[str, deque[Question]] = {}

    def __bool__(self) -> bool:
        return bool(self._of_tenant)

    def add(self, question: Question) -> None:
        """Have it wait, behind those of its tenant."""
        self._of_tenant.setdefault(question.tenant, deque()).append(question)

    def take(self) -> list[Question]:
        """Take out the next ones: one of each tenant, and so on; the last tenant's are the last next time."""
        batch: list[Question] = []
        counters = 0
        while self._of_tenant and len(batch) < MOST_QUESTIONS:
            tenant, questions = next(iter(self._of_tenant.items()))
            counters += len(questions[0].keys)
            if batch and counters > MOST_COUNTERS:
                break
            batch.append(questions.popleft())
            del self._of_tenant[tenant]
            if questions:
                self._of_tenant[tenant] = questions
        return batch

    def take_overdue(self, now: float) -> list[Question]:
        """Take out those that may wait no longer."""
        overdue: list[Question] = []
        for tenant, questions in [*self._of_tenant.items()]:
            while questions and questions[0].until <= now:
                overdue.append(questions.popleft())
            if not questions:
                del self._of_tenant[tenant]
        return overdue

    def take_all(self) -> list[Question]:
        """Take out whatever waits."""
        return self.take_overdue(float("inf"))

    @property
    def earliest(self) -> float:
        """The time at which the first of them may wait no longer; there is one."""
        return min(questions[0].until for questions in self._of_tenant.values())
