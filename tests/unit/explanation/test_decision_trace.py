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
from kuadrant.explanation.clock import without_clock
from kuadrant.reference_model import Counters, Request, decide
from tests.e2e.differential.generator import Asked, Case, cases
from tests.e2e.differential.traces import check_seen, check_way

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
            assert explained.decision == without_clock(decision)
            check_way(explained.explanation, decision)
            questions = [(question.scope, question.entries) for question in decision.questions]
            check_seen(explained.explanation, decision.outcome, questions)
            counters = decision.counters
            pairs += 1

    agree()
    fuzz.done("explained decisions", pairs)
    assert pairs


def test_a_record_is_plain_json() -> None:
    assert msgspec.json.schema(Explanation)
