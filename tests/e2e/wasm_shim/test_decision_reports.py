"""In a real Envoy: a service that takes no reports, or none in time, changes nothing of what is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.envoy_api import message

from .conftest import cluster, configuration, get, limited, rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Envoy, Service, Upstream

    Start = Callable[..., Envoy]

pytestmark = pytest.mark.e2e

RESPONSE: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")
FOLLOWED = bytes(RESPONSE(dynamic_metadata={"kuadrant.follow": "30 x-user"}).SerializeToString())


@pytest.mark.parametrize("concurrency", [1, 2])
def test_verdicts_are_those_of_a_service_that_nobody_follows(
    start: Start, limiter: Service, upstream: Upstream, concurrency: int
) -> None:
    envoy = start(
        [limited("l", configuration(rule()))],
        [cluster("upstream", upstream.server_port), cluster("limiter", limiter.port, http2=True)],
        concurrency=concurrency,
    )
    for code, status in ((b"\x08\x01", 200), (b"\x08\x02", 429)):
        limiter.answer = lambda _, code=code: code + FOLLOWED  # type: ignore[misc]
        assert {get(envoy.ports["l"], x_user="alice").status for _ in range(50)} == {status}
    # The service above knows no such method.
    rejected = envoy.stats("cluster.limiter.")["cluster.limiter.upstream_rq_total"] - len(limiter.requests)
    assert len(limiter.requests) == 100
    assert rejected >= 1, "nothing was reported"
    assert envoy.stats("wasmcustom.kuadrant")["wasmcustom.kuadrant.errors"] == 0
    assert "critical" not in envoy.log
