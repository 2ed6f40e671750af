"""The smallest request that tells two configurations apart does so at real gateways, too."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from kuadrant.difference import differences

from .generator import Asked, edited
from .two_configurations import configuration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kuadrant.difference.record import AnsweredRun, SentStep, TellingRequest
    from tests.conftest import Fuzz

    from .conftest import Observation, Reality
    from .generator import Case

pytestmark = pytest.mark.e2e

_PAIRS = 20
_ROUND = 20
_MOST = 200
_PROBLEM = "quota-exceeded"
_UNSENT = {"--from", "--at", "--jwt"}
"""What a client of this machine cannot make so."""


def asked(steps: Sequence[SentStep], gateway: str) -> Iterator[tuple[float, Asked]]:
    """Yield ``steps`` as they are sent, one by one."""
    for step in steps:
        url = urlsplit(step.url)
        authority = next((value for name, value in step.headers if name == "host"), url.netloc)
        headers = tuple(header for header in step.headers if header[0] != "host")
        target = url.path + (f"?{url.query}" if url.query else "")
        one = Asked(gateway, url.port or 80, authority, step.method, target, headers)
        for number in range(step.times):
            yield step.after * (number == 0), one


def gateway_of(step: SentStep) -> str:
    """The gateway that is meant."""
    if "--gateway" in step.words:
        return step.words[step.words.index("--gateway") + 1].partition("/")[2]
    return "g0"


def answer(observed: Observation) -> tuple[str, tuple[str, ...]]:
    """What a client got, a request that was admitted taken for one that a backend answered.

    Beside the status it is what `diff` has words for.
    """
    names = [name for name, _ in (*observed.headers, *observed.again)]
    own, body = observed.refusal
    told = [
        *(["x-ratelimit-*"] if "x-ratelimit-limit" in names else []),
        *(["RateLimit"] if "ratelimit" in names else []),
        *(["retry-after"] if "retry-after" in names else []),
        *(["content-type: application/problem+json"] if _PROBLEM in body else []),
        *([f"x-own: {own}"] if own else []),
        *([f"body '{body.rstrip()}'"] if body and _PROBLEM not in body else []),
    ]
    return status(observed), tuple(told)


def status(observed: Observation) -> str:
    if observed.outcome == "admitted":
        return "200"
    if observed.grpc_status is not None:
        return f"grpc-status {observed.grpc_status}"
    return str(observed.status)


def one_by_one(runs: Sequence[AnsweredRun]) -> list[tuple[str, tuple[str, ...]]]:
    """Each of the answers."""
    return [(run.answer, run.told) for run in runs for _ in range(run.count)]


def are_as_told(got: Sequence[tuple[str, tuple[str, ...]]], said: Sequence[AnsweredRun]) -> bool:
    """Whether a gateway answered what was said of it: all of that, perhaps more that both have."""
    wanted = one_by_one(said)
    return len(got) == len(wanted) and all(
        status == own and set(told) >= {one for one in some if not one.startswith("message ")}
        for (status, told), (own, some) in zip(got, wanted, strict=True)
    )


def is_sendable(request: TellingRequest) -> bool:
    """Whether a client of this machine can send it, in a while."""
    words = {word for step in request.steps for word in step.words}
    return words.isdisjoint(_UNSENT) and sum(step.times for step in request.steps) <= _MOST


@pytest.mark.timeout(14400)
def test_the_smallest_request_is_answered_otherwise_by_real_gateways(reality: Reality, fuzz: Fuzz) -> None:
    sent = 0
    reality.send_headers(on=False)  # as it is unless somebody sets it

    @settings(
        max_examples=_ROUND,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(edited(20))
    def is_told_apart(pair: tuple[Case, Case]) -> None:
        nonlocal sent
        found = differences(*map(configuration, pair))
        request = next(filter(is_sendable, found.requests), None)
        if request is None:
            return
        sent += 1
        sequence = [*asked(request.steps, gateway_of(request.steps[0]))]
        got = []
        for case in pair:
            reality.configure(case)
            got.append([*map(answer, reality.ask(sequence))])
        told = " ".join(map(shlex.join, (step.words for step in request.steps)))
        for own, said in zip(got, (request.before, request.after), strict=True):
            assert are_as_told(own, said), f"{told}: {said}, but got {own}"
        assert got[0] != got[1], told

    rounds = 0
    while sent < _PAIRS * fuzz.scale:
        try:
            seed(fuzz.seed + rounds)(is_told_apart)()
        except AssertionError as error:
            error.add_note(f"FUZZ_SEED={fuzz.seed + rounds}")
            raise
        rounds += 1
    reality.send_headers(on=True)
    fuzz.done("pairs of configurations at real gateways", sent)
