"""Answers who follows decisions: of one policy or all, values masked unless he may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from kuadrant.api.decision_page import DecisionPage
from kuadrant.api.tap_headers import MOST_HEADERS
from kuadrant.ratelimit.counter_disclosure import PAUSES
from kuadrant.ratelimit.value_mask import ValueMask

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.api.decision_page import DecisionQuestion, ReportedDecision
    from kuadrant.ratelimit.service import RateLimitService


class DecisionAnswers:
    """Pages of what gateways report to a service; each question has them report for a while longer.

    A page is in the way of requests: who asks before a while has passed gets an empty one.
    """

    def __init__(self, service: RateLimitService, clock: Callable[[], float]) -> None:
        self._service = service
        self._clock = clock
        self._mask = ValueMask()
        self._next = 0.0

    def page(self, asked: DecisionQuestion) -> DecisionPage:
        """Return what was reported after ``asked.after``, with the headers that were asked for alone."""
        wanted = frozenset(asked.headers[:MOST_HEADERS])
        self._service.decisions.follow(wanted, self._service.read_clock())
        began = self._clock()
        if asked.after is not None and began < self._next:
            return DecisionPage(next=asked.after, masked=not asked.values)
        page = self._service.decisions.page(asked.after)
        found = page.decisions if not asked.policy else self._of_policy(asked.policy, page.decisions)
        decisions = tuple(self._shown(one, wanted, values=asked.values) for one in found)
        ended = self._clock()
        self._next = ended + PAUSES * (ended - began)
        return structs.replace(page, decisions=decisions, masked=not asked.values)

    def _of_policy(self, policy: str, found: tuple[ReportedDecision, ...]) -> tuple[ReportedDecision, ...]:
        keys = self._service.keys_of(policy) if found else frozenset()
        return tuple(
            one for one in found if policy in one.policies or not keys.isdisjoint((one.limit, *one.asked))
        )

    def _shown(self, one: ReportedDecision, wanted: frozenset[str], *, values: bool) -> ReportedDecision:
        if not one.headers:
            return one
        shown = {
            name: value if values else self._mask(value)
            for name, value in one.headers.items()
            if name in wanted
        }
        return structs.replace(one, headers=shown)
