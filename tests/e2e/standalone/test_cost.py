"""What requests cost a limit, at a real Envoy: all hits of a request are counted, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .documents import GATEWAY, POLICY, ROUTE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

RATES = "rates: [{limit: 10, window: 1h}]"
COST = "cost: \"int(request.headers['x-cost'])\""
LIMITS = {
    "window": f"all: {{{COST}, {RATES}}}",
    "slices": f"all: {{{COST}, algorithm: SlidingWindow, {RATES}}}",
    "bucket": f"all: {{{COST}, algorithm: TokenBucket, {RATES}}}",
    "beside": f"all: {{{COST}, {RATES}}}\n    each: {{rates: [{{limit: 2, window: 1h}}]}}",
    "shadow": f"all: {{{COST}, mode: Shadow, {RATES}}}",
}


@pytest.fixture
def kuadrant(start: Callable[..., Kuadrant], tmp_path: Path) -> Kuadrant:
    documents = GATEWAY
    for name, limits in LIMITS.items():
        documents += ROUTE % (name, name) + POLICY % ("v1", name, "HTTPRoute", name)
        documents += f"  response: {{headers: Draft03}}\n  limits:\n    {limits}\n"
    (tmp_path / "all.yaml").write_text(documents)
    return start(tmp_path, "--echo")


def statuses(kuadrant: Kuadrant, name: str, *costs: str) -> list[int]:
    host = f"{name}.example.com"
    return [kuadrant.request("GET", "/", host, **{"x-cost": cost}).status for cost in costs]


def test_a_request_counts_as_many_times_as_it_costs(kuadrant: Kuadrant) -> None:
    for name in ("window", "slices", "bucket"):
        assert statuses(kuadrant, name, "6", "5", "4", "1") == [200, 429, 200, 429], name
        # What costs nothing is not limited, though nothing is left.
        assert statuses(kuadrant, name, "0", "00", "1") == [200, 200, 429], name
    assert statuses(kuadrant, "beside", "1", "1", "1") == [200, 200, 429]


def test_what_is_no_number_of_hits_is_for_the_failure_mode(kuadrant: Kuadrant) -> None:
    assert statuses(kuadrant, "window", "-1", "many", "1.5", "1") == [500, 500, 500, 200]
    assert kuadrant.request("GET", "/", "window.example.com").status == 500
    # Nobody is refused for what a limit in shadow cannot evaluate.
    assert statuses(kuadrant, "shadow", "-1", "many", "11", "5") == [200] * 4


def test_what_costs_more_than_the_limit_is_told_no_time_to_come_again(kuadrant: Kuadrant) -> None:
    host = "window.example.com"
    over = kuadrant.request("GET", "/", host, **{"x-cost": "11"})
    assert over.status == 429
    assert "retry-after" not in over.headers
    assert over.headers["x-ratelimit-remaining"] == "10"
    huge = kuadrant.request("GET", "/", host, **{"x-cost": "9223372036854775807"})
    assert (huge.status, huge.headers.get("retry-after")) == (429, None)
    assert statuses(kuadrant, "window", "10", "1") == [200, 429]
    waiting = kuadrant.request("GET", "/", host, **{"x-cost": "10"})
    assert int(waiting.headers["retry-after"]) > 3000
