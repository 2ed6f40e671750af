"""The pages for programs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kuadrant.operations import OperationsServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = OperationsServer(
        {"/metrics": ("text/x", lambda: b"up 1\n")},
        "127.0.0.1",
        0,
        checks={"/healthz": lambda: None, "/readyz": lambda: "not yet"},
    )
    await server.start()
    yield server.port
    await server.stop()


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    ("request_line", "answer"),
    [
        (
            b"GET /metrics",
            b"HTTP/1.1 200 OK\r\ncontent-type: text/x\r\ncontent-length: 5\r\nconnection: close\r\n\r\nup 1\n",
        ),
        (
            b"GET /metrics?x=1",
            b"HTTP/1.1 200 OK\r\ncontent-type: text/x\r\ncontent-length: 5\r\nconnection: close\r\n\r\nup 1\n",
        ),
        (
            b"HEAD /metrics",
            b"HTTP/1.1 200 OK\r\ncontent-type: text/x\r\ncontent-length: 5\r\nconnection: close\r\n\r\n",
        ),
    ],
)
async def test_a_page_is_made_for_each_request(port: int, request_line: bytes, answer: bytes) -> None:
    assert await ask(port, request_line + b" HTTP/1.1\r\nhost: x\r\n\r\n") == answer


@pytest.mark.parametrize(
    ("request_line", "status", "body"),
    [
        (b"GET /healthz", b"200 OK", b"ok\n"),
        (b"GET /readyz", b"503 Service Unavailable", b"not yet\n"),
        (b"HEAD /readyz", b"503 Service Unavailable", b""),
    ],
)
async def test_a_check_is_a_status_and_says_what_is_wrong(
    port: int, request_line: bytes, status: bytes, body: bytes
) -> None:
    answer = await ask(port, request_line + b" HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status + b"\r\n")
    assert answer.partition(b"\r\n\r\n")[2] == body


async def test_what_is_not_there_is_told_what_is(port: int) -> None:
    assert (await ask(port, b"GET /x HTTP/1.1\r\n\r\n")).endswith(b"there are /metrics, /healthz, /readyz\n")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [(b"GET /", b"404 Not Found"), (b"POST /metrics", b"405 Method Not Allowed")],
)
async def test_anything_else_is_refused(port: int, request_line: bytes, status: bytes) -> None:
    assert (await ask(port, request_line + b" HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 " + status + b"\r\n")


@pytest.mark.parametrize("request_bytes", [b"", b"GET /metrics", b"x" * 20_000])
async def test_who_does_not_ask_properly_is_not_answered(port: int, request_bytes: bytes) -> None:
    assert await ask(port, request_bytes) == b""
