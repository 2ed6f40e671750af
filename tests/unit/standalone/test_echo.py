"""The echo server, by a raw socket."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from kuadrant.standalone.echo import EchoServer, describe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def server() -> AsyncIterator[EchoServer]:
    echo = EchoServer()
    await echo.start()
    yield echo
    await echo.stop()


def test_the_answer_describes_the_request() -> None:
    answer = describe("POST", "/toys?x=1&y", [("host", "a"), ("x", "1"), ("x", "2")], b"caf\xe9")

    assert json.loads(answer) == {
        "method": "POST",
        "path": "/toys",
        "query_string": "x=1&y",
        "body": "caf\ufffd",
        "headers": {"host": "a", "x": "1, 2"},
    }


async def test_requests_on_one_connection_are_answered_in_order(server: EchoServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhiGET /b?q HTTP/1.1\r\nhost: "
        b"x\r\nconnection: close\r\n\r\n"
    )
    answers = await reader.read()
    writer.close()
    await writer.wait_closed()

    first, second = (
        json.loads(part.partition(b"\r\n\r\n")[2]) for part in answers.split(b"HTTP/1.1 200 OK")[1:]
    )
    assert (first["method"], first["path"], first["body"]) == ("POST", "/a", "hi")
    assert (second["method"], second["path"], second["query_string"]) == ("GET", "/b", "q")


async def test_what_is_no_request_is_400(server: EchoServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"\x16\x03\x01nonsense\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_large_body_is_shown_in_part(server: EchoServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\nconnection: close\r\n\r\n" + b"x" * 200_000
    )
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["body"]) == 64 * 1024
