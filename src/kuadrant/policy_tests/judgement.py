"""Compares what was expected of a step's requests with what was observed of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.problem import Path, spelled
from kuadrant.explanation.unknown_facts import CLOCK
from kuadrant.explanation.words import headers_in_short
from kuadrant.policy_tests.file_format import PolicyTestFile
from kuadrant.policy_tests.moments import spelled_time
from kuadrant.policy_tests.results import Miss
from kuadrant.policy_tests.schedule import Turn
from kuadrant.policy_tests.seen_request import target
from kuadrant.policy_tests.status_run import read_status
from kuadrant.policy_tests.status_run import spelled as spelled_statuses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kuadrant.explanation.record import Fact
    from kuadrant.policy_tests.file_format import Expectation
    from kuadrant.policy_tests.observation import Inside, Observation

INSIDE = ("limitedBy", "rule", "policies", "remaining", "asked", "signals")
"""Expectations of what only a simulation shows."""


class Judge(Struct, frozen=True):
    """Judges the requests of ``turn``, a step of the test ``case`` of ``file``."""

    file: PolicyTestFile
    case: int
    turn: Turn
    scheme: str

    def misses(self, observations: Sequence[Observation]) -> tuple[Miss, ...]:
        """Return what was missed, in the order of the fields; ``observations`` are not empty."""
        expect, last = self.turn.expect, observations[-1]
        if last.status is None and (expect is None or expect.status is None):
            return (self._miss((), "an answer", last.failure, len(observations) - 1, last),)
        if expect is None:
            return ()
        found = [self._status(expect, observations)]
        if all(one.inside is not None for one in observations):
            found += (
                self._limited_by(expect, observations),
                self._rule(expect, observations),
                self._policies(expect, observations),
                self._remaining(expect, observations),
                self._asked(expect, observations),
                self._signals(expect, observations),
            )
        found += self._headers(expect, last, len(observations))
        return tuple(one for one in found if one is not None)

    def not_known(self, facts: Sequence[Fact]) -> Miss:
        """Return that what becomes of the requests depends on ``facts``, which the test does not state."""
        names = " and ".join(fact.name for fact in facts)
        ways = dict.fromkeys(fact.give for fact in facts if fact.give)
        unstated = " and ".join(fact.name for fact in facts if not fact.give)
        more = f"; write {' and '.join(ways)}"
        if unstated:  # whatever else is written, it stays unknown
            more = f"; no test can state {unstated if len(facts) > 1 else 'it'}"
        got = f"not known: it depends on {names}{more}"
        path: Path = ("steps", self.turn.step, "request")
        return self._told(
            path, "an outcome that is known", got, self._which(""), "what is not stated is not known"
        )

    def not_compared(self) -> tuple[str, ...]:
        """Return the fields that only a simulation can be held to."""
        expect = self.turn.expect
        values = () if expect is None else (_value(expect, field) for field in INSIDE)
        return tuple(field for field, value in zip(INSIDE, values, strict=False) if value is not None)

    def _status(self, expect: Expectation, observations: Sequence[Observation]) -> Miss | None:
        if expect.status is None:
            return None
        wanted = read_status(expect.status).of(self.turn.requests)
        statuses = [one.status for one in observations]
        if statuses == wanted:
            return None
        same = (want == got for want, got in zip(wanted, statuses, strict=False))
        first = next((number for number, equal in enumerate(same) if not equal), len(statuses) - 1)
        return self._miss(
            ("status",), spelled_statuses(wanted), spelled_statuses(statuses), first, observations[first]
        )

    def _limited_by(self, expect: Expectation, observations: Sequence[Observation]) -> Miss | None:
        name = expect.limited_by
        if name is None:
            return None
        refused = [number for number, one in enumerate(observations) if one.inside and one.inside.refused]
        if not refused:
            last = len(observations) - 1
            return self._miss(("limitedBy",), name, "no request is limited", last, observations[last])
        for number in refused:
            inside = observations[number].inside
            assert inside is not None
            names = [limit.name for limit in inside.refused]
            if name not in names:
                return self._miss(("limitedBy",), name, ", ".join(names), number, observations[number])
        return None

    def _rule(self, expect: Expectation, observations: Sequence[Observation]) -> Miss | None:
        wanted = expect.rule
        if wanted is None:
            return None

        def is_wanted(inside: Inside) -> bool:
            return inside.rule is not None and f"/{inside.rule}".endswith(f"/{wanted}")

        return self._each(
            ("rule",), wanted, observations, is_wanted, lambda inside: str(inside.rule or "no rule")
        )

    def _policies(self, expect: Expectation, observations: Sequence[Observation]) -> Miss | None:
        if expect.policies is None:
            return None
        wanted = {name if "/" in name else f"default/{name}" for name in expect.policies}
        return self._each(
            ("policies",),
            ", ".join(sorted(wanted)) or "none",
            observations,
            lambda inside: set(inside.policies) == wanted,
            lambda inside: ", ".join(inside.policies) or "none",
        )

    def _remaining(self, expect: Expectation, observations: Sequence[Observation]) -> Miss | None:
        if expect.remaining is None:
            return None
        return self._each(
            ("remaining",),
            str(expect.remaining),
            observations[-1:],
            lambda inside: inside.remaining_is_known and inside.remaining == expect.remaining,
            _remaining_words,
            first=len(observations) - 1,
        )

    def _asked(self, expect: Expectation, observations: Sequence[Observation]) -> Miss | None:
        if expect.asked is None:
            return None
        words = {True: "the rate limit service is asked", False: "nothing is asked"}
        return self._each(
            ("asked",),
            words[expect.asked],
            observations,
            lambda inside: inside.asked == expect.asked,
            lambda inside: words[inside.asked],
        )

    def _signals(self, expect: Expectation, observations: Sequence[Observation]) -> Miss | None:
        if expect.signals is None:
            return None
        wanted = {name.lower(): value for name, value in expect.signals.items()}
        return self._each(
            ("signals",),
            headers_in_short(sorted(wanted.items())) or "none",
            observations[-1:],
            lambda inside: inside.signals_known and dict(inside.signals) == wanted,
            _signals_words,
            first=len(observations) - 1,
        )

    def _headers(self, expect: Expectation, last: Observation, requests: int) -> Iterator[Miss | None]:
        for name, value in expect.headers.items():
            got = last.headers.get(name.lower())
            if got != value:
                why = last.not_known.get(name.lower()) or last.others
                missing = f"not known: {why}" if why else "no such header"
                shown = missing if got is None else _quoted(got)
                yield self._miss(("headers", name), _quoted(value), shown, requests - 1, last)

    def _each(
        self,
        field: Path,
        expected: str,
        observations: Sequence[Observation],
        holds: Callable[[Inside], bool],
        shown: Callable[[Inside], str],
        *,
        first: int = 0,
    ) -> Miss | None:
        """Return the miss of the first request of which ``holds`` is not so."""
        for number, one in enumerate(observations, start=first):
            assert one.inside is not None
            if not holds(one.inside):
                return self._miss(field, expected, shown(one.inside), number, one)
        return None

    def _miss(self, field: Path, expected: str, got: str, number: int, observed: Observation) -> Miss:
        which = f"request {number + 1} of {self.turn.requests}, " if self.turn.requests > 1 else ""
        in_test: Path = ("steps", self.turn.step, "expect", *field)
        return self._told(in_test, expected, got, self._which(which), str(observed))

    def _which(self, number: str) -> str:
        asked = self.turn.request
        url = f"{self.scheme}://{asked.host}{target(asked)}"
        return f"{number}{asked.method} {url} at {spelled_time(self.turn.moment)}"

    def _told(self, in_test: Path, expected: str, got: str, request: str, why: str) -> Miss:
        line, column = self.file.place(("tests", self.case, *in_test))
        field = spelled(in_test)
        return Miss(
            line=line, column=column, field=field, expected=expected, got=got, request=request, why=why
        )


def _value(expect: Expectation, field: str) -> object:
    return expect.limited_by if field == "limitedBy" else getattr(expect, field)


def _remaining_words(inside: Inside) -> str:
    if not inside.remaining_is_known:
        return f"not known: it depends on {CLOCK.name}"
    return "nothing was asked" if inside.remaining is None else str(inside.remaining)


def _signals_words(inside: Inside) -> str:
    if not inside.signals_known:
        return f"not known: they depend on {CLOCK.name}"
    return headers_in_short(sorted(inside.signals)) or "none"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
