"""What is not limited, though a policy of the Gateway limits all else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .documents import GATEWAY, POLICY, ROUTE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e


def test_a_route_with_a_policy_that_is_only_a_target_is_out_of_that_of_its_gateway(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    limits = "  %s: {limits: {none: {rates: [{limit: 0, duration: 1, unit: minute}]}}}\n"
    policy = POLICY % ("v1beta2", "gw", "Gateway", "gw")
    (tmp_path / "routes.yaml").write_text(
        GATEWAY
        + ROUTE % ("free", "free")
        + ROUTE % ("out", "out")
        + POLICY % ("v1beta2", "out", "HTTPRoute", "out")
    )
    (tmp_path / "gateway-policy.yaml").write_text(policy + limits % "defaults")
    kuadrant = start(tmp_path, "--echo")

    def statuses() -> list[int]:
        return [kuadrant.request("GET", "/", f"{host}.example.com").status for host in ("free", "out")]

    assert statuses() == [429, 200]
    kuadrant.change("gateway-policy.yaml", policy + limits % "overrides")
    assert statuses() == [429, 429]


EXEMPT = """
  defaults:
    exempt:
    - predicate: request.url_path == '/healthz'
    - predicate: "'x-consumer' in request.headers && request.headers['x-consumer'] == 'us' // not others"
    - predicate: request.url_path == '/fails' && request.headers['x-other'] == 'a'
    limits: {none: {rates: [{limit: 0, window: 1m}]}}
"""


def test_a_path_and_a_consumer_are_exempt_and_what_fails_opens_nothing(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    (tmp_path / "all.yaml").write_text(
        GATEWAY + ROUTE % ("free", "free") + POLICY % ("v1", "gw", "Gateway", "gw") + EXEMPT.lstrip("\n")
    )
    kuadrant = start(tmp_path, "--echo")

    def status(path: str, **headers: str) -> int:
        return kuadrant.request("GET", path, "free.example.com", **headers).status

    assert status("/") == 429
    assert status("/healthz?deep=1") == 200
    assert status("/healthz/more") == 429
    consumer = "x-consumer"
    assert [status("/", **{consumer: name}) for name in ("us", "them")] == [200, 429]
    assert status("/fails") == 500
    assert status("/fails", **{consumer: "us"}) == 200
    assert status("/fails", **{"x-other": "a"}) == 200
