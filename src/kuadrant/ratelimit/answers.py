"""The answers of the rate limit service: decisions, encoded, and the gRPC status where there is none.

Without a decision (the store is down, a limit is not held) the failure mode of the gateway decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc  # type: ignore[import-untyped]

from kuadrant.envoy_api import message
from kuadrant.ratelimit.headers import rate_limit_headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.ratelimit.counters import Standing

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
# The two without headers never change: they are encoded once.
OK: Final[bytes] = _Response(overall_code="OK").SerializeToString()
OVER_LIMIT: Final[bytes] = _Response(overall_code="OVER_LIMIT").SerializeToString()


def with_headers(found: Sequence[Standing], *, limited: bool) -> bytes:
    """Return the answer with ``x-ratelimit-*`` headers, from standings, the most restrictive first."""
    response = _Response(overall_code="OVER_LIMIT" if limited else "OK")
    for key, value in rate_limit_headers(found):
        response.response_headers_to_add.add(key=key, value=value)
    encoded: bytes = response.SerializeToString()
    return encoded


def error_answer(error: Exception) -> tuple[grpc.StatusCode, str]:
    """Return the status of a call that is not decided, and its words; of a defect they tell nothing."""
    code = _CODES.get(type(error).__name__)
    return (INTERNAL, "internal error") if code is None else (code, str(error)[:1000])
