"""The answers that requests in a row get, by :func:`kuadrant.reference_model.decide`.

Where many requests in a row are alike, those between the first and the one that meets a full counter are not
decided one by one: each adds one to the counters that the first one opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, structs

from kuadrant.compiler.program import GatewayProgram
from kuadrant.difference.answer import Answer, answer_to
from kuadrant.policy.failure_mode import FailureMode
from kuadrant.reference_model import Counters, Request, decide
from kuadrant.reference_model.counter_windows import with_hits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kuadrant.reference_model import RequestDecision

Runs = tuple[tuple[Answer, int], ...]
"""Answers in a row that are alike, each with how many."""


class Sent(Struct, frozen=True, gc=False):
    """A request, so many ``times``, ``after`` so many seconds since what was sent before."""

    request: Request
    times: int = 1
    after: float = 0.0


class Gateway(Struct, frozen=True, gc=False):
    """A program, the limits behind it, and what of it counts as an answer.

    Without ``own_router`` nobody knows what becomes of requests that are admitted.
    """

    program: GatewayProgram
    counters: Counters
    failure_mode: FailureMode
    own_router: bool


class First(Struct, frozen=True, gc=False):
    """Holds what becomes of a first request: the answer, and its counters, each with how many it admits."""

    answer: Answer
    counters: frozenset[tuple[object, int]]


def first(gateway: Gateway, request: Request) -> First:
    """Return what becomes of ``request`` where none was before it."""
    decision = decide(gateway.program, request, gateway.counters, 0.0, failure_mode=gateway.failure_mode)
    counted = frozenset(
        (standing.counter, standing.limit.max_value)
        for question in decision.questions
        for standing in question.standings
    )
    return First(answer_to(request, decision, own_router=gateway.own_router), counted)


def answers(gateway: Gateway, steps: Iterable[Sent]) -> Runs | None:
    """Return what is answered to the requests of ``steps``, with counters that begin at nothing.

    None where it depends on the clock of the rate limit service.
    """
    decided = [*_decided(gateway, steps)]
    if any(decision.doubt is not None and decision.doubt.verdict for _, decision, _ in decided):
        return None
    return joined(
        (answer_to(request, decision, own_router=gateway.own_router), count)
        for request, decision, count in decided
    )


def denying(gateway: Gateway, steps: Iterable[Sent]) -> frozenset[str]:
    """Return the conditions of the limits that have no room for the last request of ``steps``."""
    (*_, (_, decision, _)) = _decided(gateway, steps)
    return frozenset(
        condition
        for question in decision.questions
        if question.limited
        for standing in question.standings
        if standing.denies
        for condition in standing.limit.conditions
    )


def _decided(gateway: Gateway, steps: Iterable[Sent]) -> Iterator[tuple[Request, RequestDecision, int]]:
    """Yield what is decided, and for how many requests in a row."""
    counters, now = gateway.counters, 0.0
    for step in steps:
        now += step.after
        left = step.times
        while left:
            decision = decide(gateway.program, step.request, counters, now, failure_mode=gateway.failure_mode)
            counters, alike = _ahead(decision, left - 1, now)
            yield step.request, decision, 1 + alike
            left -= 1 + alike


def joined(runs: Iterable[tuple[Answer, int]]) -> Runs:
    """Return ``runs`` with those that follow each other and are alike as one."""
    found: list[tuple[Answer, int]] = []
    for one, count in runs:
        if found and found[-1][0] == one:
            found[-1] = (one, found[-1][1] + count)
        elif count:
            found.append((one, count))
    return tuple(found)


def same_until(one: Runs, other: Runs) -> int | None:
    """Return how many answers are the same before the first that is another; None if all are."""
    before = 0
    ones, others = _each(one), _each(other)
    while ones and others:
        (first, count), (second, also) = ones[-1], others[-1]
        if first != second:
            return before
        common = min(count, also)
        before += common
        for stack, (label, number) in ((ones, (first, count)), (others, (second, also))):
            stack.pop()
            if number > common:
                stack.append((label, number - common))
    return None


def _each(runs: Sequence[tuple[Answer, int]]) -> list[tuple[Answer, int]]:
    return [*reversed(runs)]


def _ahead(decision: RequestDecision, left: int, now: float) -> tuple[Counters, int]:
    """The counters after more requests of the same kind, and how many of the ``left`` these are."""
    counters = decision.counters
    counting = [
        standing
        for question in decision.questions
        if not question.limited
        for standing in question.standings
        if standing.limit.seconds
    ]
    keys = {standing.counter for standing in counting}
    if len(keys) < len(counting):  # one that is counted twice is decided one by one
        return counters, 0
    alike = min((standing.remaining - 1 for standing in counting), default=left)
    alike = max(0, min(alike, left))
    if not alike or not counting:
        return counters, alike
    windows = dict(counters.windows)
    for one in counting:
        windows[one.counter] = with_hits(windows[one.counter], one.limit, now, alike)
    return structs.replace(counters, windows=windows), alike
