"""The rate limit service: Limitador's semantics behind Envoy's rate limit API, in memory, in one process."""

from kuadrant.ratelimit.limits import InvalidLimitsError
from kuadrant.ratelimit.server import Server, make_server
from kuadrant.ratelimit.service import RateLimitService

__all__ = ["InvalidLimitsError", "RateLimitService", "Server", "make_server"]
