"""Holds what a client is answered, as far as two configurations may differ in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.explanation.client_answer import client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.reference_model import Request, RequestDecision
    from kuadrant.reference_model.over_limit import Refusal

_OK: Final = 200
_PROBLEM: Final = "application/problem+json"
_FORMS: Final = (("x-ratelimit-*", "x-ratelimit-limit"), ("RateLimit", "ratelimit"))


class Answer(Struct, frozen=True, gc=False):
    """A status, and what is told beside it; not the numbers of counters, which change while they count.

    Attributes:
        status: That of HTTP, 200 where a backend answers, or one of gRPC.
        told: Headers and body that limits are the reason of, in words, each by itself.
        limited: Whether a limit is reached.
    """

    status: str
    told: tuple[str, ...] = ()
    limited: bool = False


def answer_to(request: Request, decision: RequestDecision, *, own_router: bool) -> Answer:
    """Return what the client gets. Headers that are left to the rate limit service are not looked at."""
    got = client(decision, request, own_router=own_router)
    status = str(got.status or _OK) if got.grpc_status is None else f"grpc-status {got.grpc_status}"
    return Answer(
        status, (*(("500 in part",) if got.in_part else ()), *_told(decision)), decision.outcome == "limited"
    )


def _told(decision: RequestDecision) -> Iterator[str]:
    if decision.rule is not None and decision.rule.response.headers is not None:
        names = {name for name, _ in decision.headers}
        yield from (words for words, name in _FORMS if name in names)
    if decision.retry_after is not None:
        yield "retry-after"
    if decision.refusal is not None:
        yield from _refusal_words(decision.refusal, is_grpc=decision.grpc_status is not None)


def _refusal_words(refusal: Refusal, *, is_grpc: bool) -> Iterator[str]:
    yield from (f"{name}: {value}" for name, value in refusal.headers)
    # Which limits a problem names is told by which of them are reached.
    if dict(refusal.headers).get("content-type") != _PROBLEM:
        yield f"{'message' if is_grpc else 'body'} '{refusal.body.rstrip()}'"
