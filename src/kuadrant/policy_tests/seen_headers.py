"""The headers of a simulated response: those that are known, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.explanation.client_answer import again_headers
from kuadrant.explanation.local_answer import answers_preflight, forwards, with_route
from kuadrant.explanation.unknown_facts import CLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.compiler.program import RuleProgram
    from kuadrant.reference_model import Request, RequestDecision

_TYPE: Final = "content-type"
_UNKNOWN: Final = "2"
_BACKEND: Final = "the backend may send it"
_CORS: Final = "the gateway's filter CORS may send it"
_OF_CORS: Final = (
    *("access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers"),
    *("access-control-allow-methods", "access-control-allow-headers", "access-control-max-age"),
)
_OF_GATEWAY: Final = dict.fromkeys(("connection", "content-length", "date", "server"), "the gateway sets it")


class SeenHeaders(Struct, frozen=True, gc=False):
    """Holds headers by name, in lower case, with their values or with why these are not ``known``.

    ``others`` says why it is not known whether there are more; it is empty where there are none.
    """

    known: Mapping[str, str]
    not_known: Mapping[str, str]
    others: str = ""


def seen_headers(decision: RequestDecision, request: Request, *, is_error: bool) -> SeenHeaders:
    """Return what is seen of the answer to ``request``; ``is_error``: it is admitted, and gets 500."""
    not_known = dict(_OF_GATEWAY)
    others = ""
    if decision.outcome == "admitted":
        assert decision.rule is not None
        is_answered = answers_preflight(decision.rule, request)
        of_route = () if is_answered else _of_route(decision.rule, request, is_error=is_error)
        headers = _joined((*of_route, *decision.headers))
        change = decision.rule.forwarding.response_headers
        changed = {name for name, _ in (*change.set, *change.add)} & dict(decision.headers).keys()
        not_known |= dict.fromkeys(changed, "the gateway tells the stricter one of two")
        if decision.rule.forwarding.redirect is not None:
            not_known["location"] = "the gateway makes it"
        others = _CORS if is_answered else _BACKEND if forwards(decision.rule) else ""
    else:
        headers = _joined(_of_filter(decision))
    if decision.rule is not None and decision.rule.forwarding.cross_origin is not None:
        not_known |= dict.fromkeys(_OF_CORS, _CORS)
    if decision.doubt is not None:
        names = decision.doubt.headers & headers.keys()
        not_known |= dict.fromkeys(names, f"it depends on {CLOCK.name}")
    known = {name: value for name, value in headers.items() if name not in not_known}
    return SeenHeaders(known, not_known, others)


def _of_route(rule: RuleProgram, request: Request, *, is_error: bool) -> Iterator[tuple[str, str]]:
    change = rule.forwarding.response_headers
    yield from (*change.set, *change.add)
    if is_error and request.is_grpc:
        yield "grpc-status", _UNKNOWN


def _of_filter(decision: RequestDecision) -> Iterator[tuple[str, str]]:
    """Yield the headers of an answer without a backend."""
    is_grpc = decision.grpc_status is not None
    found = with_route(decision.rule, _own(decision), is_grpc=is_grpc)
    yield from found
    if is_grpc:
        yield _TYPE, "application/grpc"
    elif decision.outcome != "no-route" and not any(name == _TYPE for name, _ in found):
        yield _TYPE, "text/plain"


def _own(decision: RequestDecision) -> Iterator[tuple[str, str]]:
    if decision.refusal is not None:
        yield from decision.refusal.headers
    yield from decision.headers
    yield from again_headers(decision)
    if decision.grpc_status is not None:
        yield "grpc-status", str(decision.grpc_status)


def _joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return each name once, with all its values."""
    found: dict[str, str] = {}
    for name, value in headers:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found
