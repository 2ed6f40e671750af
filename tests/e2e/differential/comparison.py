"""What is decided, and what is told of the way to it, beside what a real Envoy does."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from kuadrant.compiler import Compiler
from kuadrant.explanation import Explanation, Knowledge, Origins, explain
from kuadrant.explanation.verbose_text import verbose_text
from kuadrant.ratelimit.counters import counter_values
from kuadrant.reference_model import Counters, Request, RequestDecision, decide
from kuadrant.reference_model.counter_windows import FixedWindow
from kuadrant.reference_model.filter_view import received, seen

from .traces import check_seen, check_way

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .conftest import Observation, Reality
    from .generator import Asked, Case


def compare(reality: Reality, case: Case, *, in_order: bool = True) -> list[str]:
    """Ask both sides everything of ``case``; return the outcomes.

    ``in_order`` tells whether the order of entries is looked at.
    """
    compiler = Compiler()
    compilation = reality.configure(case, compiler.compile)
    origins = Origins(compiler.origins, compilation.policies)
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
        mode: Any = case.failure_mode
        explained = explain(
            programs[asked.gateway],
            request,
            counters,
            now,
            origins=origins,
            knowledge=Knowledge(show_values=True),
            failure_mode=mode,
        )
        decision = decide(programs[asked.gateway], request, counters, now, failure_mode=mode)
        counters = decision.counters
        observed = reality.whole(observed, len(_questions(decision)))  # noqa: PLW2901 - more of the same
        expected = _expected(decision, observed, now)
        observed = _as_asked(observed, expected, decision)  # noqa: PLW2901 - in another order
        seen, wanted = (observed, expected) if in_order else (_sorted(observed), _sorted(expected))
        assert seen == wanted, _both_sides(case, asked, wanted, seen)
        try:
            _check_trace(explained.explanation, decision, observed)
        except AssertionError as error:
            error.add_note(_both_sides(case, asked, wanted, seen))
            error.add_note(verbose_text(explained.explanation))
            raise
        unasked = decision.outcome == "admitted" and not decision.questions
        outcomes.append("admitted unasked" if unasked else decision.outcome)
    return outcomes


def compare_remembered(reality: Reality, case: Case) -> tuple[int, int]:
    """Ask both sides the same several times at one moment, where the gateway remembers what was denied.

    What a client gets is compared, but for numbers of seconds, which go down by the gateway's clock. Returns
    how many were limited, and how many of them nobody asked for.
    """
    compilation = reality.configure(case)
    programs = {program.name: program for program in compilation.programs}
    counters, now, limited, remembered = Counters(compilation.limits), 1000.0, 0, 0
    for asked in (asked for _, asked in case.asked for _ in range(3)):
        (observed,) = reality.ask([(0.0, asked)])
        if asked.odd and (observed.target is None or observed.status in _REFUSED):
            continue
        request = _seen(asked, observed, reality.ports[asked.gateway, asked.port])
        mode: Any = case.failure_mode
        decision = decide(programs[asked.gateway], request, counters, now, failure_mode=mode)
        counters = decision.counters
        expected = _expected(decision, observed, now)
        assert _decided(observed) == _decided(expected), _both_sides(case, asked, expected, observed)
        if decision.outcome == "limited":
            limited += 1
            remembered += not observed.questions
    return limited, remembered


def compare_counted_here(reality: Reality, case: Case) -> Counter[str]:
    """Ask both sides the same at one moment, where gateways count some of the limits by themselves.

    Their clock is the gateway's, so that numbers of seconds are not compared. Returns the outcomes, those
    that a gateway had a say in by another name.
    """
    compilation = reality.configure(case)
    in_service = {limit.identity for limit in compilation.limits}
    programs = {program.name: program for program in compilation.programs}
    counters, now = Counters(compilation.all_limits), 1000.0
    outcomes: Counter[str] = Counter()
    for _, asked in case.asked:
        (observed,) = reality.ask([(0.0, asked)])
        if asked.odd and (observed.target is None or observed.status in _REFUSED):
            continue
        request = _seen(asked, observed, reality.ports[asked.gateway, asked.port])
        mode: Any = case.failure_mode
        decision = decide(programs[asked.gateway], request, counters, now, failure_mode=mode)
        counters = decision.counters
        observed = reality.whole(observed, len(_questions(decision)))
        held = {key: one for key, one in counters.windows.items() if key[0] in in_service}
        expected = _expected(decision, observed, now)
        expected = msgspec.structs.replace(expected, counters=_windows(Counters((), held), now))
        seen, wanted = _timeless(_as_asked(observed, expected, decision)), _timeless(expected)
        assert seen == wanted, _both_sides(case, asked, wanted, seen)
        here = " here" if any(one.is_counted_here for one in decision.questions) else ""
        outcomes[f"{decision.outcome}{here}"] += 1
    return outcomes


_SECONDS = re.compile(r"(?<=;t=)\d+")


def _timeless(one: Observation) -> Observation:
    headers = (
        (name, "" if name == "x-ratelimit-reset" else _SECONDS.sub("", value)) for name, value in one.headers
    )
    return msgspec.structs.replace(
        one, headers=tuple(headers), again=tuple((name, "") for name, _ in one.again)
    )


def _decided(one: Observation) -> Observation:
    told = (tuple(name for name, _ in one.headers), tuple(name for name, _ in one.again))
    return msgspec.structs.replace(one, questions=(), counters={}, headers=told[0], again=told[1])


def _check_trace(record: Explanation, decision: RequestDecision, observed: Observation) -> None:
    """What is told of the way: the rule, the limits that were asked for, the answer and the headers of it."""
    check_way(record, decision)
    check_seen(record, observed.outcome, observed.questions)
    assert record.client is not None
    assert (record.client.status, record.client.grpc_status) == (observed.status, observed.grpc_status)
    told = (one for one in record.client.headers if "ratelimit" in one[0])
    assert (*told, *record.client.rate_limit_headers) == observed.headers
    assert tuple(one for one in record.client.headers if one[0] in AGAIN) == observed.again
    assert dict(record.client.headers).get("x-rule") == observed.rule


def _as_asked(observed: Observation, expected: Observation, decision: RequestDecision) -> Observation:
    """What was observed, with the questions in the order in which they are asked.

    A question that no request waits for, as only limits in shadow ask it, may come after the next one.
    """
    if decision.rule is None or not any(
        not limit.refuses for action in decision.rule.actions for limit in action.limits
    ):
        return observed
    asked = [scope for scope, _ in expected.questions]
    questions = sorted(observed.questions, key=lambda question: (*asked, question[0]).index(question[0]))
    return msgspec.structs.replace(observed, questions=tuple(questions))


def _sorted(observation: Observation) -> Observation:
    questions = tuple((scope, tuple(sorted(entries))) for scope, entries in observation.questions)
    return msgspec.structs.replace(observation, questions=questions)


# Not a request, or one that is sent elsewhere because of slashes that were written as %2F.
_REFUSED = {400, 307, 431}


def _seen(asked: Asked, observed: Observation, port: int) -> Request:
    """The request as the gateway's filters see it.

    With what the gateway adds, and without what it takes away.
    """
    assert observed.target is not None, (asked, observed)
    _, in_full, place = asked.target.rpartition("http://")
    authority = place.partition("/")[0] if in_full else asked.authority
    client = observed.client
    sent = received((name, _text(value)) for name, value in asked.headers)
    # More than one is one, and so nobody's.
    authority = ",".join((authority, *(value for name, value in sent if name == "host")))
    headers = [header for header in seen(sent) if header[0] != "host"]
    added = (
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-envoy-external-address", "127.0.0.1"),
        ("x-request-id", "any"),
    )
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


def _expected(decision: RequestDecision, observed: Observation, now: float) -> Observation:
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
        refusal=_refusal(decision, observed),
        again=_again(decision, is_grpc=grpc is not None),
        questions=_questions(decision),
        counters=_windows(decision.counters, now),
        signals=tuple(sorted(decision.signals, reverse=True)) if admitted else observed.signals,
    )


def _questions(decision: RequestDecision) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    asked = (one for one in decision.questions if not one.is_counted_here)
    return (*((question.scope, question.entries) for question in asked), *decision.looked)


AGAIN = {"retry-after", "grpc-retry-pushback-ms"}


def _refusal(decision: RequestDecision, observed: Observation) -> tuple[str | None, str]:
    if decision.refusal is None or decision.grpc_status is not None:
        return None, ""
    # Without a body an answer to HEAD says as much.
    body = decision.refusal.body if observed.refusal[1] else ""
    return dict(decision.refusal.headers).get("x-own"), body


def _again(decision: RequestDecision, *, is_grpc: bool) -> tuple[tuple[str, str], ...]:
    if decision.retry_after is None:
        return ()
    seconds = ("retry-after", str(decision.retry_after))
    return (seconds, ("grpc-retry-pushback-ms", f"{decision.retry_after}000")) if is_grpc else (seconds,)


def _marker(decision: RequestDecision) -> str | None:
    assert decision.rule is not None
    return dict(decision.rule.forwarding.response_headers.set).get("x-rule")


def _key(values: list[str]) -> str | bytes:
    named = counter_values(values)
    return b"" if named is None else named.key


def _windows(counters: Counters, now: float) -> Mapping[Any, tuple[int, float]]:
    """The open counters, as the rate limit service names them."""
    return {
        (
            identity[0],
            identity[1],
            frozenset(identity[2]),
            frozenset(identity[3]),
            identity[4],
            _key([value for _, value in values]),
        ): (window.hits, window.ends)
        for (identity, values), window in counters.windows.items()
        if isinstance(window, FixedWindow) and now < window.ends
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
