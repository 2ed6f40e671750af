"""Limits that the gateway counts itself, in `kuadrant run`: nobody is asked, and an edit goes on counting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .documents import GATEWAY, POLICY, ROUTE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

BURST = (
    "  response: {headers: Draft03}\n  limits: {burst: {scope: Gateway, rates: [{limit: %d, window: 1h}]}}\n"
)


def test_the_service_is_not_asked_and_an_edit_goes_on_counting(
    start: Callable[..., Kuadrant], tmp_path: Path
) -> None:
    def written(limit: int) -> str:
        policy = POLICY % ("v1", "one", "HTTPRoute", "one") + BURST % limit
        return GATEWAY + ROUTE % ("one", "one") + policy

    (tmp_path / "all.yaml").write_text(written(3))
    kuadrant = start(tmp_path, "--echo")

    def answers(number: int) -> list[tuple[int, str]]:
        told = (kuadrant.request("GET", "/", "one.example.com") for _ in range(number))
        return [(one.status, dict(one.headers).get("x-ratelimit-remaining", "")) for one in told]

    assert answers(4) == [(200, "2"), (200, "1"), (200, "0"), (429, "0")]
    assert kuadrant.calls() == 0
    kuadrant.change("all.yaml", written(5))
    statuses: list[int] = []

    def is_seen() -> bool:
        if 200 not in statuses:
            statuses.append(answers(1)[0][0])
        return 200 in statuses

    kuadrant.wait(is_seen)
    # The one that saw the edit was the fourth of five.
    assert [status for status, _ in answers(2)] == [200, 429]
