"""Requests to the rate limit service, as bytes, and what it says to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.api.limitador import Limit
from kuadrant.envoy_api import message

if TYPE_CHECKING:
    from kuadrant.ratelimit import RateLimitService

REQUEST: Any = message("envoy.service.ratelimit.v3.RateLimitRequest")
RESPONSE: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")
KEY = "limit.toys__0123abcd"


def limit(max_value: int = 5, key: str = KEY, namespace: str = "team/route", **more: Any) -> Limit:
    """A limit as the operator writes it."""
    fields: dict[str, Any] = {"seconds": 60, "conditions": (f'descriptors[0]["{key}"] == "1"',)} | more
    return Limit(namespace=namespace, max_value=max_value, **fields)


def asking(*keys: str, domain: str = "team/route", hits: int = 0, **values: str) -> bytes:
    """A request in one descriptor: each of ``keys`` with the value 1, and other entries."""
    entries = [{"key": key, "value": "1"} for key in keys]
    entries += [{"key": key, "value": value} for key, value in values.items()]
    request = REQUEST(domain=domain, hits_addend=hits, descriptors=[{"entries": entries}])
    return bytes(request.SerializeToString())


def code(service: RateLimitService, request: bytes) -> str:
    """``OK`` or ``OVER_LIMIT``; raises what the service raises."""
    return str(RESPONSE.Code.Name(RESPONSE.FromString(service.decide(request)).overall_code))


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now
