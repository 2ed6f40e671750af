"""Changes of the folder while clients send requests."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.load import load, times
from tests.e2e.standalone.clients import POST, Clients

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e


def test_exactly_the_limit_is_admitted_of_a_hundred_thousand(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    policy = toystore / "ratelimitpolicy.yaml"
    policy.write_text(
        policy.read_text()
        .replace("limit: 5", "limit: 1000")
        .replace("duration: 10", "duration: 1")
        .replace("unit: second", "unit: hour")
    )
    kuadrant = start(toystore, "--echo")

    result = asyncio.run(load(kuadrant.port, POST, connections=32, more=times(100_000)))

    assert result.statuses == {200: 1000, 429: 99_000}
    assert result.broken == 0
    assert kuadrant.calls() == 100_000


@pytest.mark.long
def test_a_policy_is_edited_a_hundred_times_in_thirty_seconds_under_load(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    policy = toystore / "ratelimitpolicy.yaml"
    text = policy.read_text()
    kuadrant = start(toystore, "--echo")
    clients = Clients(kuadrant.port, 8)
    begin = time.monotonic()

    took = []
    for edit in range(100):
        limit = 50 if edit % 2 == 0 else 5
        took.append(kuadrant.change("ratelimitpolicy.yaml", text.replace("limit: 5", f"limit: {limit}")))
        remaining = begin + (edit + 1) * 0.3 - time.monotonic()
        threading.Event().wait(max(0, remaining))  # keeps the pace of 100 edits in 30 s
    result = clients.stop()

    assert set(result.statuses) == {200, 429}
    assert result.broken == 0
    assert kuadrant.calls() == result.total
    assert max(took) < 1


def test_rules_that_come_and_go_are_never_unlimited(start: Callable[..., Kuadrant], toystore: Path) -> None:
    """The route and its policy are exchanged for others with new identifiers again and again.

    Every call is counted.
    """
    route = toystore / "httproute.yaml"
    policy = toystore / "ratelimitpolicy.yaml"
    route_text, policy_text = route.read_text(), policy.read_text()
    kuadrant = start(toystore, "--echo")
    clients = Clients(kuadrant.port, 4)

    for edit in range(20):
        kuadrant.change("ratelimitpolicy.yaml", policy_text.replace("create-toy", f"create-toy-{edit}"))
        kuadrant.change(
            "httproute.yaml",
            route_text if edit % 2 else route_text.replace("api.toystore.com", "'*.toystore.com'"),
        )
    result = clients.stop()

    assert set(result.statuses) <= {200, 404, 429}
    assert result.statuses[200] > 0
    assert result.broken == 0
    # 404 is what the router says of a route that is just being exchanged; the shim may or may not have asked
    # before.
    assert kuadrant.calls() >= result.total - result.statuses[404]


def test_after_an_edit_of_window_or_counters_only_the_new_limit_holds(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    """The rate limit service still holds the former one, for calls that are on their way (issue I, 6)."""
    policy = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits: {post: {rates: %s}}
"""
    (toystore / "ratelimitpolicy.yaml").write_text(policy % "[{limit: 1, window: 120s}]")
    kuadrant = start(toystore, "--echo")
    assert [kuadrant.request("POST").status for _ in range(2)] == [200, 429]

    for edit in (
        "[{limit: 3, window: 60s}]",
        "[{limit: 4, window: 60s}, {limit: 3, window: 1h}]",
        "[{limit: 3, window: 240s}]",
        "[{limit: 3, window: 240s}], counters: [{expression: request.method}]",
    ):
        kuadrant.change("ratelimitpolicy.yaml", policy % edit)
        assert [kuadrant.request("POST").status for _ in range(4)] == [200] * 3 + [429], edit


def test_a_limit_that_is_raised_admits_who_was_denied_just_before(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    policy = toystore / "ratelimitpolicy.yaml"
    text = policy.read_text().replace("unit: second", "unit: hour")
    policy.write_text(text)
    kuadrant = start(toystore, "--echo")

    assert [kuadrant.request("POST").status for _ in range(8)] == [200] * 5 + [429] * 3
    kuadrant.change("ratelimitpolicy.yaml", text.replace("limit: 5", "limit: 7"))
    assert [kuadrant.request("POST").status for _ in range(3)] == [200] * 2 + [429]


def test_a_broken_change_is_reported_and_the_last_good_state_stays(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    policy = toystore / "ratelimitpolicy.yaml"
    text = policy.read_text()
    kuadrant = start(toystore, "--echo")

    policy.write_text(text.replace("unit: second", "unit: week"))
    kuadrant.wait(lambda: kuadrant.messages("not applied"))

    (problem,) = [line for line in kuadrant.lines if line.get("file") == "ratelimitpolicy.yaml"]
    assert problem["line"] > 0
    assert problem["field"] == "spec.limits.create-toy.rates[0].unit"
    assert "second, minute, hour, day" in problem["msg"]
    assert [kuadrant.request("POST").status for _ in range(6)] == [200] * 5 + [429]

    kuadrant.change("ratelimitpolicy.yaml", text.replace("limit: 5", "limit: 7"))
    # Who was refused just before may be so for a second.
    admitted, deadline = 0, time.monotonic() + 1.5
    while admitted < 2:
        admitted += kuadrant.request("POST").status == 200
        assert time.monotonic() < deadline
    assert kuadrant.request("POST").status == 429


def test_an_emptied_file_changes_nothing_and_a_removed_one_does(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    kuadrant = start(toystore, "--echo")

    (toystore / "ratelimitpolicy.yaml").write_text("")
    kuadrant.wait(lambda: kuadrant.messages("not applied"))
    assert [kuadrant.request("POST").status for _ in range(6)] == [200] * 5 + [429]

    before = len(kuadrant.messages("is live"))
    (toystore / "ratelimitpolicy.yaml").unlink()
    kuadrant.wait(lambda: len(kuadrant.messages("is live")) > before)
    assert kuadrant.request("POST").status == 200


def test_what_envoy_refuses_is_told_in_its_words_and_the_last_good_state_stays(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    """A second gateway gets the next port, which somebody else has: only Envoy can find out."""
    kuadrant = start(toystore, "--echo")
    gateway = (toystore / "gateway.yaml").read_text().replace("name: istio-ingressgateway", "name: second")

    with socket.create_server(("127.0.0.1", kuadrant.next_port)):
        (toystore / "second.yaml").write_text(gateway)
        kuadrant.wait(lambda: kuadrant.messages("not applied"))
        (refusal,) = kuadrant.messages("Envoy refuses a part of its configuration")
        assert refusal["type"] == "Listener"
        assert "Address already in use" in refusal["text"]
        xds = json.loads(kuadrant.get(kuadrant.metrics_port, "/xds").body)
        assert [kuadrant.request("POST").status for _ in range(6)] == [200] * 5 + [429]
    assert [stream["node"] for stream in xds] == ["kuadrant-standalone"]

    kuadrant.change("second.yaml", gateway + "# again\n")
    with socket.create_connection(("127.0.0.1", kuadrant.next_port)):
        pass


def test_a_change_while_envoy_is_away_is_there_when_it_is_back(
    start: Callable[..., Kuadrant], toystore: Path
) -> None:
    kuadrant = start(toystore, "--echo")
    policy = (toystore / "ratelimitpolicy.yaml").read_text()
    (envoy,) = kuadrant.children()

    os.kill(envoy, signal.SIGKILL)
    kuadrant.wait(lambda: kuadrant.messages("starting it again"))
    kuadrant.change(
        "ratelimitpolicy.yaml", policy.replace("limit: 5", "limit: 2").replace("create-toy", "other")
    )
    kuadrant.wait_listening()

    assert [kuadrant.request("POST").status for _ in range(4)] == [200, 200, 429, 429]


def test_with_once_changes_are_not_followed(start: Callable[..., Kuadrant], toystore: Path) -> None:
    kuadrant = start(toystore, "--echo", "--once")

    (toystore / "httproute.yaml").unlink()
    assert [kuadrant.request("POST").status for _ in range(6)] == [200] * 5 + [429]
