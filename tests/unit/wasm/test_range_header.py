"""The bytes that a Range field asks for."""

from __future__ import annotations

import pytest

from kuadrant.wasm.http_request import Request
from kuadrant.wasm.range_header import asked_range


@pytest.mark.parametrize(
    ("method", "headers", "asked"),
    [
        ("GET", {"range": "bytes=2-4"}, range(2, 5)),
        ("GET", {"range": "bytes=-3"}, range(7, 10)),
        ("GET", {"range": "bytes=10-"}, range(10, 10)),
        ("GET", {"range": "bytes=0-1", "if-range": '"tag"'}, range(2)),
        ("GET", {"range": "bytes=0-1", "if-range": '"another"'}, None),
        ("GET", {}, None),
        ("HEAD", {"range": "bytes=2-4"}, None),
    ],
)
def test_a_range_counts_for_get_and_the_tag_it_was_made_for(
    method: str, headers: dict[str, str], asked: range | None
) -> None:
    request = Request(method, "/", "1.1", headers, keep_alive=True)
    assert asked_range(request, "tag", 10) == asked
