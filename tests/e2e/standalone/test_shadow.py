"""A limit in shadow at a real Envoy: nobody notices it, and it reports what it would refuse."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .documents import GATEWAY, POLICY, ROUTE
from .told import told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Answer, Kuadrant

pytestmark = pytest.mark.e2e

LIMITS = """  response: {headers: Both}
  limits:
    all: {rates: [{limit: 12, window: 1h}], when: [{predicate: request.path != '/free'}]}
"""
TRIED = """    tried:
      rates: [{limit: 2, window: 1h}]
      counters: [{expression: "request.headers[?'x-user'].orValue('nobody')"}]
"""
SHADOW = TRIED + "      mode: Shadow\n"
REQUESTS = [*[("/", user) for user in ("a", "b", "a", "a", "a", "b", "c", "b")], *[("/free", "a")] * 3] + [
    ("/", "c")
] * 6


def test_nobody_notices_a_limit_in_shadow_and_it_reports_what_it_refuses_when_it_is_enforced(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    policies = {"single": LIMITS, "beside": LIMITS + SHADOW, "tried": TRIED, "shadow": SHADOW}
    documents = GATEWAY
    for name, limits in policies.items():
        only = "" if limits.startswith("  response") else "  limits:\n"
        documents += ROUTE % (name, name) + POLICY % ("v1", name, "HTTPRoute", name) + only + limits
    (tmp_path / "all.yaml").write_text(documents)
    kuadrant = start(tmp_path, "--echo")

    def answers(name: str) -> list[Answer]:
        host = f"{name}.example.com"
        return [kuadrant.request("GET", path, host, **{"x-user": user}) for path, user in REQUESTS]

    single = answers("single")
    assert [answer.status for answer in single].count(429) == 2
    beside = answers("beside")
    assert [told(one, "beside") for one in beside] == [told(one, "single") for one in single]
    refused = [answer.status for answer in answers("tried")].count(429)
    assert [answer.status for answer in answers("shadow")] == [200] * len(REQUESTS)
    assert refused > 5
    # Nobody has waited for the answers.
    deadline = time.monotonic() + 30
    while _reported(kuadrant, "default/shadow") < refused:
        assert time.monotonic() < deadline
    assert _reported(kuadrant, "default/shadow") == refused


def _reported(kuadrant: Kuadrant, namespace: str) -> float:
    text = kuadrant.get(kuadrant.metrics_port, "/metrics").body.decode()
    return next(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "kuadrant_ratelimit_shadow_limited_calls_total"
        and sample.labels == {"limitador_namespace": namespace, "limit_name": "tried"}
    )
