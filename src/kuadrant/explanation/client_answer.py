"""Tells what the client gets for a decision."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from kuadrant.explanation.known_services import NOTHING_KNOWN, KnownServices
from kuadrant.explanation.local_answer import answers_preflight, with_route
from kuadrant.explanation.record import Client, TracedBackend
from kuadrant.gateways.envoy.route_actions import feasible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.compiler.program import Backend, RuleProgram
    from kuadrant.reference_model import Request, RequestDecision

    _Headers = tuple[tuple[str, str], ...]

_UNKNOWN = 2
"""The status that a 500 is to a client of gRPC."""
_BODIES = {500: "Internal Server Error.\n"}
_BUT = "a backend answers, but "
_BECAUSE = {
    "no-route": "no rule is for this request",
    "limited": "a limit has no room for it",
    "failed": "an expression of a limit has no value for this request, and the failure mode is deny",
}


def client(
    decision: RequestDecision,
    request: Request,
    *,
    own_router: bool = True,
    services: KnownServices = NOTHING_KNOWN,
) -> Client:
    """Return what the client gets; of a request that is admitted, what the rule does with it.

    A client that speaks gRPC gets failures in its own manner. Without ``own_router`` a
    provider's router carries out the rule, of which nothing is said: it may do more than ours.
    """
    told, if_on = _of_limits(decision)
    is_grpc = request.is_grpc
    if decision.status is not None:
        refusal = decision.refusal
        own = (*(refusal.headers if refusal else ()), *again_headers(decision), *told)
        body = None if decision.grpc_status is not None or decision.outcome == "no-route" else decision.status
        return Client(
            status=decision.status,
            because=_BECAUSE[decision.outcome],
            grpc_status=decision.grpc_status,
            headers=with_route(decision.rule, own, is_grpc=is_grpc) if own_router else own,
            rate_limit_headers=if_on,
            body=None if body is None else refusal.body if refusal else _BODIES.get(body),
        )
    assert decision.rule is not None
    if own_router and answers_preflight(decision.rule, request):
        because = "the rule's filter CORS answers preflights"
        return Client(status=200, because=because, headers=told, rate_limit_headers=if_on)
    admitted = _admitted(decision.rule, if_on, own_router=own_router, services=services)
    if told:
        admitted = structs.replace(admitted, headers=(*admitted.headers, *told))
    if decision.signals:
        admitted = structs.replace(admitted, signals=decision.signals)
    if is_grpc and admitted.status == 500:
        return structs.replace(admitted, status=200, grpc_status=_UNKNOWN)
    return admitted


def _of_limits(decision: RequestDecision) -> tuple[_Headers, _Headers]:
    """The headers that tell of limits, and those that do if the rate limit service is set to send them."""
    if decision.rule is None or decision.rule.response.headers is None:
        return (), decision.headers
    return decision.headers, ()


def again_headers(decision: RequestDecision) -> Iterator[tuple[str, str]]:
    """Yield the headers that say when to come again."""
    if decision.retry_after is not None:
        yield "retry-after", str(decision.retry_after)
        if decision.grpc_status is not None:
            yield "grpc-retry-pushback-ms", f"{decision.retry_after}000"


def admitted_status(rule: RuleProgram, *, own_router: bool) -> int | None:
    """Return the status of a request that ``rule`` admits; None where a backend or nobody here answers."""
    return _admitted(rule, (), own_router=own_router).status


def _admitted(
    rule: RuleProgram,
    headers: tuple[tuple[str, str], ...],
    *,
    own_router: bool,
    services: KnownServices = NOTHING_KNOWN,
) -> Client:
    if not own_router:
        return Client(
            status=None, because="the provider's router carries out the rule", rate_limit_headers=headers
        )
    forwarding = rule.forwarding
    added = (*forwarding.response_headers.set, *forwarding.response_headers.add)
    if not feasible(forwarding, rule.match.path):
        filters = ", ".join(forwarding.unsupported)
        because = f"the rule's filters cannot be carried out{f': {filters}' if filters else ''}"
        return Client(status=500, because=because, rate_limit_headers=headers)
    if forwarding.redirect is not None:
        return Client(
            status=forwarding.redirect.status,
            because="the rule redirects",
            headers=added,
            rate_limit_headers=headers,
        )
    backends = [backend for backend in forwarding.backends if backend.weight > 0]
    if not any(backend.allowed for backend in backends):
        because = (
            "no ReferenceGrant allows the rule's backend, or it is no Service with a port"
            if backends
            else "the rule has no backend"
        )
        return Client(status=500, because=because, headers=added, rate_limit_headers=headers)
    share = _shares(backends, services)
    return Client(
        status=None,
        because=f"{_BUT}{share.told}" if share.told else "a backend answers",
        headers=added,
        rate_limit_headers=headers,
        backends=tuple(_traced(one, services) for one in backends),
        in_part=share.counted,
    )


def refused_share(rule: RuleProgram, *, own_router: bool) -> str:
    """Return for how many of the requests that ``rule`` admits some backends answer 500; empty for none."""
    return _admitted(rule, (), own_router=own_router).in_part


def refused_words(rule: RuleProgram, services: KnownServices) -> str:
    """Return for how many of the requests that ``rule`` admits there is 500 or 503, and why; empty for 0."""
    admitted = _admitted(rule, (), own_router=True, services=services)
    return admitted.because.removeprefix(_BUT) if admitted.in_part else ""


class _Shares(Struct, frozen=True, gc=False):
    """What else may become of a request, of which nobody knows beforehand whose share it is in.

    Counted, and told with why; both are empty where a backend answers each request.
    """

    counted: str = ""
    told: str = ""


def _shares(backends: list[Backend], services: KnownServices) -> _Shares:
    refused = [one for one in backends if not one.allowed]
    lacking = [one for one in backends if one.allowed and services.lacks(one)]
    names = " or ".join(f"{one.namespace}/{one.name}" for one in refused)
    found = []
    if refused:
        because = f"no ReferenceGrant allows {names}, or it is no Service with a port"
        found.append((f"500 for {_share(refused, backends)}", because))
    if lacking:
        lacks = " and ".join(dict.fromkeys(map(services.lacks, lacking)))
        because = f"{lacks} (with --echo the echo answers)"
        found.append((f"503 for {_share(lacking, backends)}", because))
    return _Shares(
        ", ".join(counted for counted, _ in found),
        ", and ".join(f"{counted}: {because}" for counted, because in found),
    )


def _share(some: Iterable[Backend], backends: list[Backend]) -> str:
    share = Fraction(sum(one.weight for one in some), sum(one.weight for one in backends))
    return "each request" if share == 1 else f"{share.numerator} of {share.denominator} requests"


def _traced(backend: Backend, services: KnownServices) -> TracedBackend:
    name = f"{backend.namespace}/{backend.name}:{backend.port}"
    lacks = services.lacks(backend)
    return TracedBackend(name=name, weight=backend.weight, allowed=backend.allowed, lacks=lacks)
