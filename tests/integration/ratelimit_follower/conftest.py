"""The API server of the tests of its edge, and the Redis of those of the counters."""

from ..kube.conftest import cluster  # noqa: TID252 - tests are no package
from ..ratelimit.conftest import _needs_redis, redis  # noqa: TID252

__all__ = ["_needs_redis", "cluster", "redis"]
