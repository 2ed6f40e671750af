"""The simulated gateway decides by a part of a program, and says the same as the whole of it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from kuadrant.api.documents import Folder, Source
from kuadrant.api.objects import Objects
from kuadrant.compiler import Compiler
from kuadrant.policy_tests.inventory import inventory
from kuadrant.policy_tests.simulated_gateway import SimulatedGateway
from kuadrant.reference_model import Counters, Request, decide
from tests.e2e.differential.generator import Case, cases


@pytest.mark.slow
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(cases(requests=20))
def test_it_says_of_any_request_what_the_whole_program_says(case: Case) -> None:
    objects = Objects.of(case.objects)
    compiler = Compiler()
    compilation = compiler.compile(objects)
    sources = {(one.kind, one.metadata.namespace, one.metadata.name): Source("a", 1) for one in case.objects}
    known = inventory(Folder(objects=objects, sources=sources), compilation, compiler.origins)
    programs = {program.name: program for program in compilation.programs}
    gateways = {
        (name, listener.port): SimulatedGateway(
            program,
            listener.port,
            compilation.limits,
            known,
            case.failure_mode,  # type: ignore[arg-type]
        )
        for name, program in programs.items()
        for listener in program.listeners
    }
    counters, now = Counters(compilation.limits), 0.0
    for after, asked in case.asked:
        now += after
        if asked.odd:
            continue
        request = Request(
            authority=asked.authority,
            method=asked.method,
            target=asked.target,
            headers=tuple((name.lower(), value) for name, value in asked.headers),
            port=asked.port,
        )
        observed, windows = gateways[asked.gateway, asked.port].ask(request, counters.windows, now)
        decision = decide(programs[asked.gateway], request, counters, now, failure_mode=case.failure_mode)  # type: ignore[arg-type]
        assert observed.inside is not None
        assert observed.inside.outcome == decision.outcome
        assert (observed.inside.rule is None) == (decision.rule is None)
        assert observed.inside.policies == decision.sources
        of_clock = decision.doubt.headers if decision.doubt is not None else frozenset()
        told = {(name, value) for name, value in decision.headers if name not in of_clock}
        assert observed.headers.items() >= told
        # No value is told of those, and that it is not known is.
        assert observed.not_known.keys() >= of_clock & dict(decision.headers).keys()
        assert not observed.headers.keys() & of_clock
        assert windows == decision.counters.windows
        counters = decision.counters
