"""What ``decide`` says is what a real Envoy does with our shim and our rate limit service.

10,000 pairs of a configuration and a request are tried (times ``FUZZ_SCALE``), which ones ``FUZZ_SEED`` decides: it is
printed. A pair in which the two differ is made as small as it can be, and both sides are shown.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, seed, settings

from kuadrant.decide import Counters, Decision, Request, decide
from kuadrant.ratelimit.counters import counter_values

from .generator import Asked, Case, cases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import Fuzz

    from .conftest import Observation, Reality

pytestmark = pytest.mark.e2e

_PAIRS = 10_000
_MOST_REQUESTS = 80
# Examples with one seed: few, so that a seed that is printed leads back quickly.
_ROUND = 50
_OF_EACH_KIND = 20
_KINDS = ("admitted", "admitted unasked", "limited", "failed", "no-route")


@pytest.mark.timeout(14400)
def test_decide_and_reality_agree(reality: Reality, fuzz: Fuzz) -> None:
    outcomes: Counter[str] = Counter()
    configurations = 0

    @settings(max_examples=_ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(cases(_MOST_REQUESTS))
    def agree(case: Case) -> None:
        nonlocal configurations
        configurations += 1
        outcomes.update(compare(reality, case))

    rounds = 0
    # Of each kind enough, or the others would prove little.
    while _compared(outcomes) < _PAIRS * fuzz.scale or min(outcomes[kind] for kind in _KINDS) < _OF_EACH_KIND:
        try:
            seed(fuzz.seed + rounds)(agree)()
        except AssertionError as error:
            error.add_note(f"FUZZ_SEED={fuzz.seed + rounds}")
            raise
        rounds += 1
    shown = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    fuzz.done(f"pairs in {configurations} configurations ({shown})", _compared(outcomes))


def _compared(outcomes: Counter[str]) -> int:
    """How many requests both sides had a say on."""
    return outcomes.total() - outcomes["refused"]


def compare(reality: Reality, case: Case, *, in_order: bool = True) -> list[str]:
    """Ask both sides everything of ``case``; return the outcomes. ``in_order`` tells whether the order of entries is looked at."""
    compilation = reality.configure(case)
    programs = {program.name: program for program in compilation.programs}
    counters, now = Counters(compilation.limits), 1000.0
    outcomes: list[str] = []
    for (after, asked), observed in zip(case.asked, reality.ask(case.asked), strict=True):
        now += after
        if asked.odd and (observed.target is None or observed.status in _REFUSED):
            # Envoy itself does not take it, so that nobody is asked.
            assert (observed.questions, observed.counters) == ((), _windows(counters, now))
            outcomes.append("refused")
            continue
        request = _seen(asked, observed, reality.ports[asked.gateway, asked.port])
        decision = decide(
            programs[asked.gateway],
            request,
            counters,
            now,
            failure_mode=case.failure_mode,  # type: ignore[arg-type]
        )
        counters = decision.counters
        expected = _expected(decision, observed, now)
        seen, wanted = (observed, expected) if in_order else (_sorted(observed), _sorted(expected))
        assert seen == wanted, _both_sides(case, asked, wanted, seen)
        unasked = decision.outcome == "admitted" and not decision.questions
        outcomes.append("admitted unasked" if unasked else decision.outcome)
    return outcomes


def _sorted(observation: Observation) -> Observation:
    questions = tuple((scope, tuple(sorted(entries))) for scope, entries in observation.questions)
    return msgspec.structs.replace(observation, questions=questions)


# Envoy removes the header `referer` if it has a character that no URL has, before anything looks at it.
_URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")


# What a gateway takes from nobody.
_GIVEN_ANEW = {"host", "x-forwarded-proto", "x-request-id"}
# Not a request, or one that is sent elsewhere because of slashes that were written as %2F.
_REFUSED = {400, 307, 431}


def _seen(asked: Asked, observed: Observation, port: int) -> Request:
    """The request as the gateway's filters see it: with what the gateway adds, and without what it takes away."""
    assert observed.target is not None, (asked, observed)
    _, in_full, place = asked.target.rpartition("http://")
    authority = place.partition("/")[0] if in_full else asked.authority
    client = observed.client
    headers = [(name.lower(), _text(value.strip(" \t"))) for name, value in asked.headers]
    # More than one is one, and so nobody's.
    authority = ",".join((authority, *(value for name, value in headers if name == "host")))
    headers = [header for header in headers if header[0] not in _GIVEN_ANEW]
    if any(name == "referer" and not _URL.fullmatch(value) for name, value in headers):
        headers = [(name, value) for name, value in headers if name != "referer"]
    added = (("x-forwarded-for", "127.0.0.1"), ("x-forwarded-proto", "http"), ("x-request-id", "any"))
    return Request(
        authority=_text(authority),
        method=asked.method,
        target=_text(observed.target),
        headers=(*headers, *added),
        port=asked.port,
        attributes={
            ("request", "time"): datetime.now(UTC),
            ("request", "total_size"): 100,
            ("source", "address"): client,
            ("source", "port"): int(client.rpartition(":")[2]),
            ("destination", "address"): f"127.0.0.1:{port}",
            ("destination", "port"): port,
            ("connection", "mtls"): False,
            ("connection", "requested_server_name"): "",
        },
    )


def _text(value: str) -> str:
    """``value`` with U+FFFD for what is no UTF-8."""
    return value.encode(errors="surrogateescape").decode(errors="replace")


def _expected(decision: Decision, observed: Observation, now: float) -> Observation:
    admitted = decision.outcome == "admitted"
    status = decision.status
    grpc = decision.grpc_status
    if status is None:
        # The rule has no backend, which is a 500, as a gRPC client hears it.
        status, grpc = (200, 2) if observed.grpc_status is not None else (500, None)
    return msgspec.structs.replace(
        observed,
        outcome=decision.outcome,
        status=status,
        grpc_status=grpc,
        rule=_marker(decision) if admitted else None,
        headers=decision.headers,
        questions=tuple((question.scope, question.entries) for question in decision.questions),
        counters=_windows(decision.counters, now),
    )


def _marker(decision: Decision) -> str | None:
    assert decision.rule is not None
    return dict(decision.rule.forwarding.response_headers.set).get("x-rule")


def _windows(counters: Counters, now: float) -> Mapping[Any, tuple[int, float]]:
    """The open counters, as the rate limit service names them."""
    return {
        (
            identity[0],
            identity[1],
            frozenset(identity[2]),
            frozenset(identity[3]),
            counter_values(value for _, value in values),
        ): (window.hits, window.ends)
        for (identity, values), window in counters.windows.items()
        if now < window.ends
    }


def _both_sides(case: Case, asked: Asked, expected: Observation, observed: Observation) -> str:
    differing = [
        field for field in observed.__struct_fields__ if getattr(expected, field) != getattr(observed, field)
    ]
    lines = [yaml.safe_dump_all(case.documents, sort_keys=False, allow_unicode=True)]
    lines += (f"after {after} s: {one}" for after, one in case.asked)
    lines.append(f"failure mode {case.failure_mode}; {asked}")
    for field in differing:
        lines += (
            f"{field}: decide says   {getattr(expected, field)}",
            f"{field}: reality says  {getattr(observed, field)}",
        )
    return "\n".join(lines)
