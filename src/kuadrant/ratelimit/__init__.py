"""The rate limit service: Limitador's semantics behind Envoy's rate limit API.

It counts in memory or in a Redis.
"""

from kuadrant.ratelimit.caller_tokens import Callers
from kuadrant.ratelimit.compiled_limits import InvalidLimitsError
from kuadrant.ratelimit.counter_disclosure import CounterAnswers, TooOftenError
from kuadrant.ratelimit.decision_disclosure import DecisionAnswers
from kuadrant.ratelimit.redis_store import RedisStore, StoreError
from kuadrant.ratelimit.server import Server, make_server
from kuadrant.ratelimit.service import RateLimitService

__all__ = [
    "Callers",
    "CounterAnswers",
    "DecisionAnswers",
    "InvalidLimitsError",
    "RateLimitService",
    "RedisStore",
    "Server",
    "StoreError",
    "TooOftenError",
    "make_server",
]
