"""What `kuadrant run` and its Envoy tell Prometheus is what docs/metrics.md has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.generate_metrics import sections
from tests.scraped import assert_told, scraped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

COUNTED_BY_GATEWAYS = """
    watched: {scope: Gateway, mode: Shadow, rates: [{limit: 1, duration: 1, unit: hour}]}
    marked: {scope: Gateway, mode: Soft, rates: [{limit: 1, duration: 1, unit: hour}]}
"""


def test_everything_that_is_told_is_on_the_page(toystore: Path, start: Callable[..., Kuadrant]) -> None:
    policy = toystore / "ratelimitpolicy.yaml"
    policy.write_text(policy.read_text() + COUNTED_BY_GATEWAYS)
    kuadrant, told = start(toystore), sections()
    for _ in range(7):
        kuadrant.request("POST")
    text = kuadrant.get(kuadrant.metrics_port, "/metrics").body.decode()
    assert_told(text, [*told["The rate limit service"], *told["The module server"]])

    of_envoy = scraped(kuadrant.get(kuadrant.admin_port, "/stats/prometheus").body.decode())
    for metric in told["Gateways"]:
        kind, labels = of_envoy[metric.name]
        assert (kind, labels) == (metric.type, set(metric.labels))
    # Nothing of the module is told beside these.
    module = {name for name in of_envoy if name.startswith("kuadrant_")}
    assert module <= {metric.name for metric in told["Gateways"]}
