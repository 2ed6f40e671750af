"""Two configurations of which one is an edited copy of the other, and what both answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kuadrant import wasm
from kuadrant.api.objects import Objects
from kuadrant.compiler import Compiler
from kuadrant.dialects import DIALECTS, expressible
from kuadrant.explanation import Configuration, Origins
from kuadrant.reference_model import Counters, Request, decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .generator import Asked, Case


def configuration(case: Case) -> Configuration:
    """What the gateways of ``case`` are told.

    What they do with a request that is admitted is not looked at.
    """
    compiler, mode = Compiler(), case.failure_mode
    dialect = DIALECTS[wasm.current().dialects[0]]
    compilation = expressible(Objects.of(case.objects), compiler.compile, dialect, mode, "the shim")  # type: ignore[arg-type]
    return Configuration(compilation, Origins(compiler.origins, compilation.policies), mode, own_router=False)  # type: ignore[arg-type]


def answers(of: Configuration, asked: Iterable[tuple[float, Asked]]) -> Iterator[tuple[object, ...]]:
    """Yield what becomes of each request, and what its client is told beside that.

    Of one that a gateway may refuse nothing. Of headers that count their names are told, if it is the policy
    that asks for them.
    """
    programs = {program.name: program for program in of.compilation.programs}
    counters, now = Counters(of.compilation.limits), 0.0
    for after, one in asked:
        now += after
        if not one.odd:
            mode: Any = of.failure_mode
            decision = decide(programs[one.gateway], _request(one), counters, now, failure_mode=mode)
            counters = decision.counters
            rule = decision.rule
            is_said = rule is not None and rule.response.headers is not None
            names = [name for name, _ in decision.headers] if is_said else []
            again = decision.retry_after is not None
            yield decision.outcome, decision.status, decision.refusal, again, *names


def _request(asked: Asked) -> Request:
    headers = tuple((name.lower(), value) for name, value in asked.headers)
    added = (("x-forwarded-for", "127.0.0.1"), ("x-forwarded-proto", "http"), ("x-request-id", "any"))
    return Request(
        authority=asked.authority,
        method=asked.method,
        target=asked.target,
        headers=(*headers, *added),
        port=asked.port,
        attributes={
            ("request", "time"): datetime(2026, 1, 2, tzinfo=UTC),
            ("request", "total_size"): 100,
            ("source", "address"): "127.0.0.1:40000",
            ("source", "port"): 40000,
            ("destination", "address"): "127.0.0.1:80",
            ("destination", "port"): 80,
            ("connection", "mtls"): False,
            ("connection", "requested_server_name"): "",
        },
    )
