"""A limit in shadow that cannot be evaluated or counted: clients get what they get without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .documents import GATEWAY, POLICY, ROUTE
from .failing_service import Service
from .told import told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Answer, Kuadrant

pytestmark = pytest.mark.e2e

ALL = "    all: {rates: [{limit: 3, window: 1h}]}\n"
TRIED = "    tried: {mode: Shadow, rates: [{limit: 1, window: 1h}]}\n"
FAILS = """    tried:
      mode: Shadow
      rates: [{limit: 1, window: 1h}]
      when: [{predicate: "request.headers['x-user'] == 'a'"}]
    counted:
      mode: Shadow
      rates: [{limit: 1, window: 1h}]
      counters: [{expression: "request.headers['x-tenant']"}]
"""
# The names are in the echo, and equally long.
POLICIES = {
    "nothing": "",
    "watched": TRIED,
    "failing": FAILS,
    "limited": ALL,
    "besides": ALL + TRIED,
    "unequal": ALL + FAILS,
}
SAME = [("nothing", ("watched", "failing")), ("limited", ("besides", "unequal"))]
SERVED = ("limited", "besides", "unequal")


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service({f"default/{name}": "all" for name in SERVED})
    yield service
    service.close()


def test_clients_get_what_they_get_without_it(
    start: Callable[..., Kuadrant], tmp_path: Path, service: Service
) -> None:
    documents = GATEWAY
    for name, limits in POLICIES.items():
        documents += ROUTE % (name, name)
        if limits:
            documents += POLICY % ("v1", name, "HTTPRoute", name) + "  limits:\n" + limits
    (tmp_path / "all.yaml").write_text(documents)
    # Each request asks, so that each meets what the service does then.
    service_at = ("--rate-limit-service", f"127.0.0.1:{service.port}", "--no-remember-denials")
    kuadrant = start(tmp_path, "--echo", *service_at)

    def answers(name: str) -> list[tuple[object, ...]]:
        found: list[Answer] = [kuadrant.request("GET", "/", f"{name}.example.com") for _ in range(5)]
        return [told(answer, name) for answer in found]

    for behaviour, statuses in [
        ("holds", [200, 200, 200, 429, 429]),
        ("fails", [500] * 5),
        ("silent", [500] * 5),
        ("holds", [429] * 5),
    ]:
        service.behaviour = behaviour
        for plain, others in SAME:
            expected = answers(plain)
            assert [one[0] for one in expected] == ([200] * 5 if plain == "nothing" else statuses)
            for other in others:
                before = service.asked
                assert answers(other) == expected, (behaviour, other)
                if other == "watched":
                    service.wait_asked(before + 5)
