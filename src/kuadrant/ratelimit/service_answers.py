"""The answers of the rate limit service: decisions, encoded, and the gRPC status where there is none.

Without a decision (the store is down, a limit is not held) the failure mode of the gateway decides.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import grpc  # type: ignore[import-untyped]

from kuadrant.api.limit_keys import AGAIN_HEADER, SOFT_HEADER, keys_in
from kuadrant.envoy_api import message
from kuadrant.ratelimit.denial_term import denial_term, encoded_term
from kuadrant.ratelimit.rate_limit_fields import rate_limit_fields, violated
from kuadrant.ratelimit.retry_after import retry_after, until_one_more
from kuadrant.ratelimit.x_ratelimit_headers import rate_limit_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kuadrant.api.response import HeaderForm
    from kuadrant.ratelimit.counters import Ask, Standing
    from kuadrant.ratelimit.question import Question

_CODES: Final = {
    "StrangerError": grpc.StatusCode.UNAUTHENTICATED,
    "InvalidRequestError": grpc.StatusCode.INVALID_ARGUMENT,
    "UnknownLimitError": grpc.StatusCode.FAILED_PRECONDITION,
    "WorkError": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "BusyError": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "EvaluationError": grpc.StatusCode.UNAVAILABLE,
    "StoreError": grpc.StatusCode.UNAVAILABLE,
}
INTERNAL: Final = grpc.StatusCode.INTERNAL
_Response: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")
OK: Final[bytes] = _Response(overall_code="OK").SerializeToString()
_UNITS: Final = {1: "SECOND", 60: "MINUTE", 3600: "HOUR", 86400: "DAY"}
_LARGEST: Final = 2**32 - 1


class Decided(NamedTuple):
    """What became of a question: what denied it, and those that are not enforced and had no room."""

    denied: Ask | None
    without_room: Iterable[Ask]


def answer_to(
    question: Question, decided: Decided, found: Callable[[], Sequence[Standing]], *, headers: bool
) -> bytes:
    """Return the answer of a service that sends ``headers`` of itself, or none.

    Where counters stand is asked for (``found``) only if it is in it.
    """
    form = question.answered_in(headers=headers)
    says_nothing = decided.denied is None and form == "None" and not question.again
    told = OK if says_nothing else answer(decided.denied, found(), form, question)
    if question.soft and decided.denied is None:
        told += _exceeded(decided.without_room)
    return told


def answer(denied: Ask | None, found: Sequence[Standing], form: HeaderForm, question: Question) -> bytes:
    """Return the answer for standings, the most restrictive first, with the headers of ``form``.

    Where ``question`` asks for it, it also says when one more would be admitted.

    That of a request that is ``denied`` names the limit that is reached, for access logs and counters, says
    when to come again, and to a gateway of ours for how long it holds.
    """
    encoded = OK
    if denied is not None:
        encoded = _over_limit(denied.counters.identity[2], denied.name, denied.counters.seconds, denied.rate)
        if (seconds := retry_after(found)) is not None:
            encoded += _retry_after(seconds)
        term = denial_term(found, question.watched, form) if question.is_of_gateway else None
        if term is not None:
            encoded += encoded_term(term)
    if found:
        # Messages one after the other are one with the fields of both.
        if form in ("Draft03", "Both"):
            encoded += _encoded(rate_limit_headers(found))
        if form in ("RateLimit", "Both"):
            encoded += _encoded(rate_limit_fields(found))
            encoded += _encoded(violated(found)) if denied is not None else b""
    return encoded + _again(until_one_more(found)) if question.again else encoded


def looked(found: Sequence[Standing]) -> bytes:
    """Return the answer to who asks only when one more would be admitted, and for how long it may be kept."""
    term = denial_term(found, (), "None")
    told = OK + _again(until_one_more(found))
    return told if term is None else told + encoded_term(term)


def _exceeded(without_room: Iterable[Ask]) -> bytes:
    """Return what an answer says of the soft limits among those that have no room; nothing of none."""
    keys = {key for ask in without_room if ask.soft for key in keys_in(ask.counters.identity[2])}
    return _encoded([(SOFT_HEADER, ",".join(sorted(keys)))]) if keys else b""


@lru_cache(maxsize=4096)
def _again(text: str) -> bytes:
    return _encoded([(AGAIN_HEADER, text)])


@lru_cache(maxsize=4096)
def _over_limit(conditions: frozenset[str], name: str, seconds: int, most: int) -> bytes:
    # Gateways know a policy's limit by the key that they ask for.
    key = min(keys_in(conditions), default=name).encode(errors="replace").decode()
    limit = {
        "name": key,
        "requests_per_unit": min(max(most, 0), _LARGEST),
        "unit": _UNITS.get(seconds, "UNKNOWN"),
    }
    status = {"code": "OVER_LIMIT", "current_limit": limit}
    encoded: bytes = _Response(overall_code="OVER_LIMIT", statuses=[status]).SerializeToString()
    return encoded


@lru_cache(maxsize=4096)
def _retry_after(seconds: int) -> bytes:
    return _encoded([("retry-after", str(seconds))])


def _encoded(headers: Iterable[tuple[str, str]]) -> bytes:
    response = _Response()
    for key, value in headers:
        response.response_headers_to_add.add(key=key, value=value)
    encoded: bytes = response.SerializeToString()
    return encoded


def error_answer(error: Exception) -> tuple[grpc.StatusCode, str]:
    """Return the status of a call that is not decided, and its words; of a defect they tell nothing."""
    code = _CODES.get(type(error).__name__)
    return (INTERNAL, "internal error") if code is None else (code, str(error)[:1000])
