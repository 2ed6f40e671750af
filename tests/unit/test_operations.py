"""The pages for programs."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import resource
import socket
from typing import TYPE_CHECKING

import pytest
import structlog

from kuadrant import log
from kuadrant.operations import UID_HEADER, OperationsServer
from kuadrant.wasm.http_request import Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator


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
        (b"GET /metrics", b"up 1\n"),
        (b"GET /metrics?x=1", b"up 1\n"),
        (b"HEAD /metrics", b""),
    ],
)
async def test_a_page_is_made_for_each_request(port: int, request_line: bytes, answer: bytes) -> None:
    head, _, body = (await ask(port, request_line + b" HTTP/1.1\r\nhost: x\r\n\r\n")).partition(b"\r\n\r\n")
    status, *fields = head.split(b"\r\n")
    assert status == b"HTTP/1.1 200 OK"
    assert {b"Content-Type: text/x", b"Content-Length: 5", b"Cache-Control: no-store"} <= set(fields)
    assert body == answer


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
    answer = await ask(port, request_line + b" HTTP/1.1\r\nhost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status + b"\r\n")
    assert answer.partition(b"\r\n\r\n")[2] == body


async def test_what_is_not_there_is_told_what_is(port: int) -> None:
    assert (await ask(port, b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n")).endswith(
        b"there are /metrics, /healthz, /readyz\n"
    )


@pytest.mark.parametrize(
    ("request_line", "status"),
    [(b"GET /", b"404 Not Found"), (b"POST /metrics", b"405 Method Not Allowed")],
)
async def test_anything_else_is_refused(port: int, request_line: bytes, status: bytes) -> None:
    assert (await ask(port, request_line + b" HTTP/1.1\r\nhost: x\r\n\r\n")).startswith(
        b"HTTP/1.1 " + status + b"\r\n"
    )


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"", b""),
        (b"GET /metrics", b""),
        (b"x" * 20_000, b"400"),
        (b"GET / HTTP/1.1\r\na: " + b"x" * 20_000, b"431"),
    ],
)
async def test_who_does_not_ask_properly_gets_nothing(port: int, request_bytes: bytes, status: bytes) -> None:
    assert (await ask(port, request_bytes))[9:12] == status


async def test_a_page_that_fails_says_so_and_harms_no_other() -> None:
    def fail() -> bytes:
        raise ValueError("boom")

    server = OperationsServer(
        {"/bad": ("text/x", fail), "/good": ("text/x", lambda: b"good")}, "127.0.0.1", 0
    )
    await server.start()
    with structlog.testing.capture_logs() as lines:
        bad = await ask(server.port, b"GET /bad HTTP/1.1\r\nhost: x\r\n\r\n")
    good = await ask(server.port, b"GET /good HTTP/1.1\r\nhost: x\r\n\r\n")
    await server.stop()

    assert bad.startswith(b"HTTP/1.1 500 ")
    assert good.endswith(b"good")
    (line,) = lines
    assert line["path"] == "/bad"
    assert line["problem"].startswith("ValueError: boom (")


@pytest.mark.parametrize(
    ("peer", "key", "shown", "status"),
    [
        ("10.0.0.7", "uid", {UID_HEADER: "uid"}, 200),
        ("10.0.0.7", "uid", {UID_HEADER: "other"}, 403),
        ("10.0.0.7", "uid", {}, 403),
        ("10.0.0.7", "", {UID_HEADER: ""}, 403),
        ("fe80::1%eth0", "uid", {}, 403),
        ("10.0.0.7", "uid", {UID_HEADER: "\xe9"}, 403),
        ("127.0.0.1", "", {}, 200),
        ("::1", "uid", {}, 200),
    ],
)
def test_a_private_page_is_for_this_machine_and_for_who_knows_the_pod(
    peer: str, key: str, shown: dict[str, str], status: int
) -> None:
    page = {"/fetches": ("text/x", lambda: b"10.0.0.9")}
    server = OperationsServer({}, "", 0, private=page, key=lambda: key)
    request = Request("GET", "/fetches", "1.1", shown, keep_alive=True)

    answer = server.answer(request, peer)
    assert answer.status == status
    assert (b"10.0.0.9" in answer.body.tobytes()) == (status == 200)


@contextlib.contextmanager
def clients(port: int, number: int, address: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """As many connections, which have sent nothing and read nothing."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in opened:
            one.bind((address, 0))
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(("127.0.0.1", port))
        yield opened


PROBE = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
STRANGERS = 1500


async def crowd_of_idle(opened: list[socket.socket]) -> None:
    """Nothing is sent."""


async def crowd_of_halves(opened: list[socket.socket]) -> None:
    for one in opened:
        with contextlib.suppress(OSError):
            one.send(PROBE[:20])


async def crowd_that_does_not_read(opened: list[socket.socket]) -> None:
    """Ask for the large page again and again."""
    for one in opened:
        with contextlib.suppress(OSError):
            one.send(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n" * 20)


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"], ids=["their address", "another address"])
@pytest.mark.parametrize("behave", [crowd_of_idle, crowd_of_halves, crowd_that_does_not_read])
async def test_a_probe_gets_through_whatever_strangers_do(
    behave: Callable[[list[socket.socket]], Awaitable[None]], address: str
) -> None:
    log_stream = io.StringIO()
    log.configure("info", "production", log_stream)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    large = b"x" * 4 * 2**20
    server = OperationsServer(
        {"/metrics": ("text/x", lambda: large)}, "127.0.0.1", 0, checks={"/healthz": lambda: None}
    )
    await server.start()
    try:
        # Other things of the process have 40 descriptors, and these connections are to have no more than
        # those that are left.
        with clients(server.port, STRANGERS) as opened:
            lowest_free = os.dup(opened[0].fileno())
            os.close(lowest_free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + 40, hard))
            await behave(opened)
            for _ in range(5):
                async with asyncio.timeout(5):  # as the kubelet has it
                    # The crowd's descriptors are taken already; the probe has one of its own.
                    opened.pop().close()
                    with clients(server.port, 1, address) as (probe,):
                        loop = asyncio.get_running_loop()
                        await loop.sock_sendall(probe, PROBE)
                        assert (await loop.sock_recv(probe, 1000)).startswith(b"HTTP/1.1 200 ")
                assert server.connections <= 64
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await server.stop()
        log.configure("info", "production")
    assert len(log_stream.getvalue().splitlines()) < 10
