"""Content that a client has already, or does not want any more."""

from __future__ import annotations

import pytest

from kuadrant.wasm.conditional_response import REVALIDATED, Content, given
from kuadrant.wasm.http_request import Request

CONTENT = Content(b"0123456789", "tag", "text/plain", REVALIDATED, "module")


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("if-none-match", 'W/"tag"', 304),
        ("if-none-match", '"another", "tag"', 304),
        ("if-none-match", '"another"', 200),
        ("if-match", '"tag"', 200),
        ("if-match", 'W/"tag"', 412),
        ("if-match", "*", 200),
        ("range", "bytes=0-1", 206),
        ("range", "bytes=10-", 416),
    ],
)
def test_what_the_client_has_decides_what_it_gets(field: str, value: str, status: int) -> None:
    request = Request("GET", "/", "1.1", {field: value}, keep_alive=True)
    response = given(request, CONTENT)
    assert (response.status, response.sha256) == (status, "module")
