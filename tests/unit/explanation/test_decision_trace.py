"""The way to a decision leads to that decision: on random configurations and requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given, seed, settings

from kuadrant.api.objects import Objects
from kuadrant.compiler import Compiler
from kuadrant.explanation import Explanation, Knowledge, Origins, explain
from kuadrant.reference_model import Counters, Request, RequestDecision, decide
from tests.e2e.differential.generator import Asked, Case, cases

if TYPE_CHECKING:
    from tests.conftest import Fuzz

_CASES = 150


def _request(asked: Asked) -> Request:
    """The request as filters would see it, roughly: what is odd stays odd."""
    return Request(
        authority=_text(asked.authority),
        method=asked.method,
        target=_text(asked.target),
        headers=tuple((name.lower(), _text(value.strip(" \t"))) for name, value in asked.headers),
        port=asked.port,
        attributes={
            ("request", "time"): datetime(2026, 1, 2, tzinfo=UTC),
            ("source", "address"): "10.0.0.7:4711",
            ("source", "port"): 4711,
            ("connection", "mtls"): False,
        },
    )


def _text(value: str) -> str:
    return value.encode(errors="surrogateescape").decode(errors="replace")


def check_trace(explanation: Explanation, decision: RequestDecision) -> None:
    """Check that what is told of the way leads to ``decision``."""
    assert explanation.outcome == decision.outcome
    assert (explanation.rule.id if explanation.rule else None) == (
        decision.rule.name if decision.rule else None
    )
    if explanation.rule is not None:
        assert [rule.failing is None for rule in explanation.looked_at] == [
            *[False] * (len(explanation.looked_at) - 1),
            True,
        ]
    applying = {limit.key: limit for limit in explanation.limits if limit.applies == "yes"}
    fails = any(limit.applies == "fails" for limit in explanation.limits)
    if decision.outcome == "failed":
        assert fails
        return
    asked = {question.scope for question in decision.questions}
    wanted = {
        (limit.scope, key, value)
        for limit in applying.values()
        for key, value in ((limit.key, "1"), *((one.text, one.value) for one in limit.counters))
        if limit.scope in asked or decision.outcome == "admitted"
    }
    questions = {(one.scope, *entry) for one in decision.questions for entry in one.entries}
    if decision.outcome == "admitted":
        assert questions == wanted
        assert tuple(sorted({limit.policy for limit in applying.values()})) == decision.sources
    else:
        assert questions <= wanted or not decision.questions
    full = [limit.name for limit in explanation.limits if any(one.denies for one in limit.standings)]
    assert bool(full) is (decision.outcome == "limited")
    assert set(full) <= set(explanation.limited_by)


@pytest.mark.slow
def test_fuzz_the_way_leads_to_the_decision(fuzz: Fuzz) -> None:
    pairs = 0

    @seed(fuzz.seed)
    @settings(
        max_examples=int(_CASES * fuzz.scale),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(10))
    def agree(case: Case) -> None:
        nonlocal pairs
        compiler = Compiler()
        compilation = compiler.compile(Objects.of(case.objects))
        programs = {program.name: program for program in compilation.programs}
        origins = Origins(compiler.origins, compilation.policies)
        counters, now = Counters(compilation.limits), 1000.0
        for after, asked in case.asked:
            now += after
            program, request = programs[asked.gateway], _request(asked)
            mode = case.failure_mode
            decision = decide(program, request, counters, now, failure_mode=mode)  # type: ignore[arg-type]
            explained = explain(
                program,
                request,
                counters,
                now,
                origins=origins,
                knowledge=Knowledge(show_values=True),
                failure_mode=mode,  # type: ignore[arg-type]
            )
            assert explained.decision == decision
            check_trace(explained.explanation, decision)
            counters = decision.counters
            pairs += 1

    agree()
    fuzz.done("explained decisions", pairs)
    assert pairs


def test_a_record_is_plain_json() -> None:
    assert msgspec.json.schema(Explanation)
