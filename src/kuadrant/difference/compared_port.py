"""One port of a gateway that both configurations have, to be asked for the answers of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.difference.drafts import Draft
from kuadrant.difference.record import AnsweredRun, SentStep
from kuadrant.difference.request_rows import First, Gateway, Runs, Sent, answers, denying, first, same_until
from kuadrant.explanation import ClientRequest, RequestError
from kuadrant.explanation.claims import claim_keys
from kuadrant.explanation.client_request import knowledge_of, seen_by_filters
from kuadrant.explanation.decision_trace import Trace
from kuadrant.explanation.request_url import address_of
from kuadrant.policy_tests.host_parts import HostParts
from kuadrant.reference_model import Counters, chosen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.compiler.program import RuleProgram
    from kuadrant.difference.answer import Answer
    from kuadrant.difference.sides import PortKey, Side
    from kuadrant.reference_model import Request


class Step(Struct, frozen=True, gc=False):
    """A request that is thought of, so many ``times``, ``after`` so many seconds since the one before."""

    draft: Draft
    times: int = 1
    after: float = 0.0


class Told(Struct, frozen=True, gc=False):
    """Steps with the answers of both."""

    steps: tuple[Step, ...]
    before: Runs
    after: Runs

    def until(self, requests: int) -> Told:
        """Return the first of the requests."""
        return Told(_cut(self.steps, requests), _first(self.before, requests), _first(self.after, requests))


class Port:
    """Old and new of one port; what is kept only saves time."""

    def __init__(self, key: PortKey, old: Side, new: Side, *, is_alone: bool) -> None:
        self.key = key
        self.sides = (old, new)
        self._is_alone = is_alone
        listener = new.listeners[key]
        self.scheme = "http" if listener.protocol == "HTTP" else "https"
        self._parts = tuple(
            HostParts(side.programs[key[0]], side.listeners[key], side.configuration.compilation.all_limits)
            for side in self.sides
        )
        self._claims = claim_keys(*(side.configuration.compilation for side in self.sides))
        self._seen: dict[tuple[Draft, float], Request | None] = {}
        self._first: dict[Draft, tuple[First, ...]] = {}

    def request(self, draft: Draft, waited: float = 0.0) -> Request | None:
        """Return what filters see of ``draft``; None if no gateway takes it."""
        if draft.time is None:
            waited = 0.0
        if (draft, waited) not in self._seen:
            try:
                asked = draft.asked(self.scheme, self.key[1], self.key[0], waited)
                made = seen_by_filters(asked, address_of(asked.url), self.key[1], self._claims)
            except (RequestError, UnicodeError, OverflowError):
                made = None
            self._seen[draft, waited] = made
        return self._seen[draft, waited]

    def rules(self, draft: Draft) -> tuple[RuleProgram | None, RuleProgram | None] | None:
        """Return the rule of each that ``draft`` belongs to; None if no gateway takes it."""
        request = self.request(draft)
        if request is None:
            return None
        old, new = (
            chosen(parts.of(request.host).program.listeners[0].hosts, request) for parts in self._parts
        )
        return old, new

    def first(self, draft: Draft) -> tuple[First, ...]:
        """Return what becomes of ``draft`` if it is the first request, of old and new."""
        if draft not in self._first:
            request = self.request(draft)
            gateways = () if request is None else self._gateways([request.host])
            self._first[draft] = tuple(first(one, request) for one in gateways if request is not None)
        return self._first[draft]

    def told(self, steps: Iterable[Step]) -> Told | None:
        """Return ``steps`` up to the first request that is answered otherwise; None if there is none."""
        told = self.whole(steps)
        if told is None or (same := same_until(told.before, told.after)) is None:
            return None
        return told.until(same + 1)

    def whole(self, steps: Iterable[Step]) -> Told | None:
        """Return all of ``steps`` with the answers to them; None where one is not taken or not known."""
        steps = tuple(steps)
        sent = self._sent(steps)
        if sent is None:
            return None
        before, after = (answers(gateway, sent) for gateway in self._gateways(_hosts(sent)))
        return None if before is None or after is None else Told(steps, before, after)

    def denying(self, steps: Iterable[Step]) -> frozenset[str]:
        """Return the conditions of the limits, old and new, that have no room for the last of ``steps``."""
        sent = self._sent(steps) or []
        return frozenset(one for gateway in self._gateways(_hosts(sent)) for one in denying(gateway, sent))

    def _sent(self, steps: Iterable[Step]) -> list[Sent] | None:
        sent, waited = [], 0.0
        for step in steps:
            waited += step.after
            request = self.request(step.draft, waited)
            if request is None:
                return None
            sent.append(Sent(request, step.times, step.after))
        return sent

    def _gateways(self, hosts: list[str]) -> Iterable[Gateway]:
        names = tuple(sorted(set(hosts)))
        for side, parts in zip(self.sides, self._parts, strict=True):
            part = parts.of(*names)
            mode = side.configuration.failure_mode
            yield Gateway(part.program, Counters(part.limits), mode, side.own_router)

    def is_known(self, steps: Iterable[Step]) -> bool:
        """Tell whether nothing that only a gateway knows has a say in what becomes of ``steps``."""
        waited = 0.0
        for step in steps:
            waited += step.after
            asked = step.draft.asked(self.scheme, self.key[1], self.key[0], waited)
            request = self.request(step.draft, waited)
            if request is None:
                return False
            own = all(side.own_router for side in self.sides)
            knowledge = knowledge_of(asked, address_of(asked.url), show_values=True, own_router=own)
            for side, parts in zip(self.sides, self._parts, strict=True):
                part = parts.of(request.host)
                trace = Trace(part.program, request, side.configuration.origins, knowledge)
                record = trace.explained(Counters(part.limits), 0.0, side.configuration.failure_mode)
                if record.explanation.outcome == "unknown":
                    return False
        return True

    def sent(self, steps: Iterable[Step]) -> Iterable[SentStep]:
        """Yield ``steps`` as they are shown."""
        for step in steps:
            asked = step.draft.asked(self.scheme, self.key[1], self.key[0])
            yield SentStep(
                words=tuple(self._words(asked)),
                method=asked.method,
                url=asked.url,
                headers=asked.headers,
                times=step.times,
                after=step.after,
            )

    def _words(self, asked: ClientRequest) -> Iterable[str]:
        from kuadrant.difference.explain_command import words_of  # noqa: PLC0415

        return words_of(asked, gateway=None if self._is_alone else self.key[0])


def _hosts(sent: Iterable[Sent]) -> list[str]:
    return [one.request.host for one in sent]


def answered(told: Told) -> tuple[tuple[AnsweredRun, ...], tuple[AnsweredRun, ...]]:
    """Return the answers of both as they are shown: with what is told beside a status where that differs."""
    old, new = _said(told.before), _said(told.after)
    same = {status: frozenset.intersection(*old[status], *new[status]) for status in old.keys() & new.keys()}
    before, after = (
        tuple(
            AnsweredRun(
                answer=one.status,
                told=tuple(words for words in one.told if words not in same.get(one.status, one.told)),
                count=count,
            )
            for one, count in runs
        )
        for runs in (told.before, told.after)
    )
    return before, after


def _said(runs: Runs) -> dict[str, set[frozenset[str]]]:
    found: dict[str, set[frozenset[str]]] = {}
    for one, _ in runs:
        found.setdefault(one.status, set()).add(frozenset(one.told))
    return found


def _cut(steps: tuple[Step, ...], requests: int) -> tuple[Step, ...]:
    found: list[Step] = []
    for step in steps:
        if requests <= 0:
            break
        found.append(Step(step.draft, min(step.times, requests), step.after))
        requests -= step.times
    return tuple(found)


def _first(runs: Runs, requests: int) -> Runs:
    found: list[tuple[Answer, int]] = []
    for label, count in runs:
        if requests <= 0:
            break
        found.append((label, min(count, requests)))
        requests -= count
    return tuple(found)
