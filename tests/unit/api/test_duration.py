"""How long a duration of Gateway API is, and one with days."""

from __future__ import annotations

import pytest

from kuadrant.api.duration import milliseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", 0),
        ("10s", 10_000),
        ("500ms", 500),
        ("1h30m", 5_400_000),
        ("1h1m1s1ms", 3_661_001),
        ("5m", 300_000),
        ("1d", 86_400_000),
        ("7d12h", 648_000_000),
    ],
)
def test_the_parts_add_up(text: str, expected: int) -> None:
    assert milliseconds(text) == expected
