"""A rate limit service that gives no answer: each limit says what becomes of its requests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from .documents import GATEWAY, POLICY, ROUTE
from .failing_service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

LIMITS = {
    "open": "    all: {fallback: Allow, rates: [{limit: 3, window: 1h}]}\n",
    "strict": "    all: {fallback: Deny, rates: [{limit: 3, window: 1h}]}\n",
    "other": "    all: {rates: [{limit: 3, window: 1h}]}\n",
}


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service({f"default/{name}": "all" for name in LIMITS})
    yield service
    service.close()


@pytest.mark.parametrize("mode", ["deny", "allow"])
@pytest.mark.parametrize("behaviour", ["silent", "fails"])
def test_it_decides_and_nobody_waits_for_a_service_that_is_away(
    start: Callable[..., Kuadrant], tmp_path: Path, service: Service, mode: str, behaviour: str
) -> None:
    documents = GATEWAY
    for name, limits in LIMITS.items():
        documents += ROUTE % (name, name)
        documents += POLICY % ("v1", name, "HTTPRoute", name) + "  limits:\n" + limits
    (tmp_path / "all.yaml").write_text(documents)
    kuadrant = start(
        tmp_path,
        "--echo",
        *("--rate-limit-service", f"127.0.0.1:{service.port}", "--rate-limit-timeout", "300ms"),
        *("--failure-mode", mode, "--no-remember-denials"),
    )

    def statuses(name: str, times: int) -> list[int]:
        return [kuadrant.request("GET", "/", f"{name}.example.com").status for _ in range(times)]

    assert statuses("open", 5) == [200, 200, 200, 429, 429]
    service.behaviour = behaviour
    assert statuses("open", 1) == [200]
    before = service.asked
    assert statuses("open", 20) == [200] * 20
    if behaviour == "silent":
        # Each worker finds it out by itself.
        assert service.asked - before < (os.cpu_count() or 1)
    else:
        assert service.asked - before == 20, "an error is an answer, too: it costs nobody time"
    assert statuses("strict", 2) == [500] * 2
    assert statuses("other", 2) == [500 if mode == "deny" else 200] * 2

    service.behaviour = "holds"
    # By every worker.
    while statuses("open", 10) != [429] * 10:
        pass
