"""The module server on real sockets: many clients, slow and silent ones, replacement and the end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import resource
import socket
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from kuadrant.wasm import Module
from kuadrant.wasm.connection import Fetch, Limits
from kuadrant.wasm.server import ModuleServer, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALL = Module("small", b"\0asm" + bytes(range(256)) * 40)
# More than the kernel takes for a client that does not read.
LARGE = Module("large", hashlib.shake_256(b"large").digest(16 * 1024 * 1024))

GET = b"GET /kuadrant-wasm-shim HTTP/1.1\r\nHost: a\r\n\r\n"
LAST_GET = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


@contextlib.contextmanager
def client(
    server: ModuleServer, *, buffer: int | None = None, address: str = "127.0.0.1"
) -> Iterator[socket.socket]:
    """A bare connection from ``address``.

    ``buffer`` bounds what the kernel keeps for a client that does not read.
    """
    with socket.socket() as opened:
        opened.bind((address, 0))
        opened.setblocking(False)
        if buffer is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        with contextlib.suppress(BlockingIOError):
            opened.connect(("127.0.0.1", server.port))
        yield opened


async def send(opened: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(opened, data)


async def received(opened: socket.socket) -> bytes:
    """Read to the end of the connection."""
    loop = asyncio.get_running_loop()
    pieces = []
    while piece := await loop.sock_recv(opened, 64 * 1024):
        pieces.append(piece)
    return b"".join(pieces)


async def exchange(server: ModuleServer, data: bytes) -> bytes:
    """Send ``data``, which ends in the connection's last request, and return all that is answered."""
    with client(server) as opened:
        await send(opened, data)
        return await received(opened)


async def become(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the conditions are of many kinds, few of which could set an event
            await asyncio.sleep(0.001)


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


async def test_a_client_gets_the_module_and_its_checksum() -> None:
    async with serve([SMALL, LARGE], "127.0.0.1") as server, httpx2.AsyncClient() as http:
        address = f"http://127.0.0.1:{server.port}"
        for path, module in (("/kuadrant-wasm-shim", SMALL), (f"/wasm/{LARGE.sha256}.wasm", LARGE)):
            answer = await http.get(address + path)
            assert (answer.status_code, answer.headers["etag"]) == (200, f'"{module.sha256}"')
            assert answer.content == module.data
        assert (await http.head(f"{address}/kuadrant-wasm-shim")).headers["content-length"] == str(
            len(SMALL.data)
        )
        assert (await http.get(f"{address}/other")).status_code == 404
        assert server.connections == 1


async def test_the_date_is_the_time_of_the_answer() -> None:
    async with serve([SMALL], "127.0.0.1") as server:
        before = int(time.time())
        answer = await exchange(server, LAST_GET)
    dates = [
        time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(before + late)).encode() for late in range(3)
    ]
    assert any(b"\r\nDate: %s\r\n\r\n" % date in answer for date in dates)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_without_a_host_every_address_is_listened_on(family: socket.AddressFamily) -> None:
    if family is socket.AF_INET6 and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    fetches: list[Fetch] = []
    async with serve([SMALL], observer=fetches.append) as server:
        with socket.socket(family) as opened:
            opened.setblocking(False)
            loopback = "127.0.0.1" if family is socket.AF_INET else "::1"
            await asyncio.get_running_loop().sock_connect(opened, (loopback, server.port))
            await send(opened, LAST_GET)
            assert body(await received(opened)) == SMALL.data
        await become(lambda: bool(fetches))
    assert fetches[0].peer == loopback


@pytest.mark.row(162)
async def test_port_0_is_refused_because_it_means_no_server() -> None:
    with pytest.raises(ValueError, match="port 0 means no module server"):
        async with serve([SMALL], "127.0.0.1", 0):
            pass


async def test_a_port_that_is_taken_is_an_error_at_once() -> None:
    async with serve([SMALL], "127.0.0.1") as server:
        with pytest.raises(OSError, match="in use"):
            async with serve([SMALL], "127.0.0.1", server.port):
                pass


async def test_bytes_that_come_one_by_one_are_a_request_in_the_end() -> None:
    async with serve([SMALL], "127.0.0.1") as server:
        with client(server) as opened:
            for position in range(len(LAST_GET)):
                await send(opened, LAST_GET[position : position + 1])
                await asyncio.sleep(0)
            assert body(await received(opened)) == SMALL.data


async def test_requests_sent_at_once_are_all_answered() -> None:
    async with serve([SMALL], "127.0.0.1") as server:
        answer = await exchange(server, GET * 2000 + LAST_GET)
    assert answer.count(SMALL.data) == 2001


async def test_a_client_that_has_shut_its_side_still_gets_everything() -> None:
    async with serve([LARGE], "127.0.0.1") as server:
        with client(server) as opened:
            await send(opened, GET)
            opened.shutdown(socket.SHUT_WR)
            assert body(await received(opened)) == LARGE.data


async def test_a_client_that_has_shut_its_side_within_a_request_is_let_go() -> None:
    async with serve([SMALL], "127.0.0.1") as server:
        with client(server) as opened:
            await send(opened, GET[:-1])
            opened.shutdown(socket.SHUT_WR)
            assert await received(opened) == b""


async def test_a_tls_client_learns_that_this_is_http() -> None:
    async with serve([SMALL], "127.0.0.1") as server, httpx2.AsyncClient() as http:
        hello = await exchange(server, bytes.fromhex("160301020001000" + "1fc0303"))
        with pytest.raises(httpx2.ConnectError, match=r"(?i)wrong.version.number|record layer"):
            await http.get(f"https://127.0.0.1:{server.port}/kuadrant-wasm-shim")
    assert hello.startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_the_sender_of_a_body_that_is_not_wanted_gets_to_see_the_answer() -> None:
    head = b"POST /kuadrant-wasm-shim HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n"
    async with serve([SMALL], "127.0.0.1") as server:
        with client(server) as opened:
            await send(opened, head + bytes(900_000))
            opened.shutdown(socket.SHUT_WR)
            assert (await received(opened)).startswith(b"HTTP/1.1 405 ")
        await become(lambda: server.connections == 0)


async def test_the_sender_of_a_body_without_end_is_cut_off() -> None:
    head = b"POST /kuadrant-wasm-shim HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000000\r\n\r\n"
    async with serve([SMALL], "127.0.0.1", limits=Limits(refused=30)) as server:
        with client(server) as opened:
            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                await send(opened, head + bytes(64 * 1024 * 1024))
            assert server.connections == 0


async def test_100_clients_that_do_not_read_cost_no_memory_and_keep_nobody_waiting() -> None:
    async with serve([LARGE, SMALL], "127.0.0.1") as server:
        with contextlib.ExitStack() as stack:
            slow = [stack.enter_context(client(server, buffer=4096)) for _ in range(100)]
            tracemalloc.start()
            try:
                for opened in slow:
                    await send(opened, LAST_GET)
                await become(
                    lambda: sum(1 for connection in server._connections if not connection.waiting) == 100
                )
                quick = await exchange(
                    server, LAST_GET.replace(b"/kuadrant-wasm-shim", f"/wasm/{SMALL.sha256}.wasm".encode())
                )
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert body(quick) == SMALL.data
            assert peak < 1024 * 1024
            assert body(await received(slow[0])) == LARGE.data


async def test_500_silent_connections_are_bounded_and_leave_room_for_a_client() -> None:
    async with serve([SMALL], "127.0.0.1", limits=Limits(connections=50)) as server:
        with contextlib.ExitStack() as stack:
            for _ in range(10):
                for _ in range(50):
                    stack.enter_context(client(server))
                await become(lambda: server.connections == 50)
                assert body(await exchange(server, LAST_GET)) == SMALL.data
            assert server.connections <= 50


async def test_who_has_few_connections_keeps_them_however_many_others_come() -> None:
    async with serve([SMALL], "127.0.0.1", limits=Limits(connections=50)) as server:
        with client(server, address="127.0.0.2") as few, contextlib.ExitStack() as stack:
            await become(lambda: server.connections == 1)
            for _ in range(200):
                stack.enter_context(client(server))
            # Connections are accepted in their order.
            assert body(await exchange(server, LAST_GET)) == SMALL.data

            await send(few, LAST_GET)
            assert body(await received(few)) == SMALL.data


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda server, _: server._accept(), id="make room"),
        pytest.param(lambda _, connection: connection.expire(), id="time is up"),
    ],
)
async def test_a_request_that_is_there_is_answered_also_when_the_connection_was_to_end(
    end: Callable[[ModuleServer, Any], None],
) -> None:
    async with serve([SMALL], "127.0.0.1", limits=Limits(connections=1)) as server:
        with client(server) as opened:
            await become(lambda: server.connections == 1)
            (connection,) = server._connections
            connection.deadline = 0.0
            with client(server):  # asks for room
                opened.send(LAST_GET)
                end(server, connection)
            assert body(await received(opened)) == SMALL.data


async def test_while_all_connections_are_being_answered_a_new_one_waits() -> None:
    async with serve([LARGE], "127.0.0.1", limits=Limits(connections=2)) as server:
        with client(server, buffer=4096) as one, client(server, buffer=4096) as two:
            for opened in (one, two):
                await send(opened, LAST_GET)
            await become(lambda: not any(connection.waiting for connection in server._connections))
            waiting = asyncio.create_task(exchange(server, LAST_GET))
            await become(lambda: not server._accepting)
            assert body(await received(one)) == LARGE.data
            assert body(await waiting) == LARGE.data


@pytest.mark.parametrize("where", ["127.0.0.1", "127.0.0.2"], ids=["their address", "another address"])
async def test_while_many_do_not_read_who_reads_is_answered(where: str) -> None:
    limits = Limits(connections=50, patience=0.05)
    async with serve([LARGE], "127.0.0.1", limits=limits) as server:
        with contextlib.ExitStack() as stack:
            for _ in range(75):
                # More than the kernel takes of what nobody reads.
                await send(stack.enter_context(client(server, buffer=4096)), GET * 20)
            await become(lambda: not any(connection.waiting for connection in server._connections))
            for _ in range(20):
                # Far sooner than any time of theirs is up.
                async with asyncio.timeout(limits.stall / 2):
                    with client(server, address=where) as opened:
                        await send(opened, LAST_GET)
                        assert body(await received(opened)) == LARGE.data
            assert server.connections <= 50


async def test_who_has_just_connected_is_not_closed_for_one_more_of_those_who_do_not_read() -> None:
    """Where all others wait to be read, it is the only connection without a request."""
    async with serve([LARGE], "127.0.0.1", limits=Limits(connections=3, patience=0.05)) as server:
        with contextlib.ExitStack() as stack:
            for _ in range(2):
                await send(stack.enter_context(client(server, buffer=4096)), GET)
            probe = stack.enter_context(client(server, address="127.0.0.2"))
            await become(lambda: sum(not one.waiting for one in server._connections) == 2)
            await become(lambda: server.connections == 3)
            more = stack.enter_context(client(server, buffer=4096))
            await send(more, GET)
            await become(
                lambda: sum(not one.waiting for one in server._connections) == 2 and not server._accepting
            )
            await send(probe, LAST_GET)
            assert body(await received(probe)) == LARGE.data


async def test_who_reads_slowly_keeps_the_connection_as_long_as_there_is_room() -> None:
    async with serve([LARGE], "127.0.0.1", limits=Limits(connections=3, patience=0.01)) as server:
        with client(server, buffer=4096) as slow:
            await send(slow, LAST_GET)
            await become(lambda: any(one.is_slow(server.loop.time()) for one in server._connections))
            assert body(await exchange(server, LAST_GET)) == LARGE.data
            assert body(await received(slow)) == LARGE.data


async def test_who_stops_reading_is_closed_in_time() -> None:
    async with serve([LARGE], "127.0.0.1", limits=Limits(stall=0.1)) as server:
        with client(server, buffer=4096) as opened:
            await send(opened, LAST_GET)
            await become(lambda: server.connections == 1)
            await become(lambda: server.connections == 0)


async def test_many_small_answers_to_one_connection_are_given_in_turns() -> None:
    answers: list[str] = []
    limits = Limits()
    async with serve(
        [SMALL], "127.0.0.1", limits=limits, observer=lambda fetch: answers.append(fetch.peer)
    ) as server:
        with client(server) as many, client(server, address="127.0.0.2") as one:
            head = GET.replace(b"GET", b"HEAD", 1)
            many.send(head * 200)
            one.send(head)
            await become(lambda: len(answers) == 201)
    assert answers.index("127.0.0.2") <= 2 * 16


async def test_a_machine_out_of_file_descriptors_still_answers_one_client_after_another() -> None:
    async with serve([SMALL], "127.0.0.1", limits=Limits(refused=0.1)) as server:
        with client(server) as one, client(server) as two:
            lowest_free = os.dup(two.fileno())
            os.close(lowest_free)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
            try:
                for opened in (one, two):
                    opened.send(LAST_GET)
                for opened in (one, two):
                    assert body(await received(opened)) == SMALL.data
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_where_no_descriptor_can_be_had_accepting_waits_and_does_not_spin() -> None:
    async with serve([SMALL], "127.0.0.1", limits=Limits(refused=0.1)) as server:
        server._release()
        with client(server) as opened:
            lowest_free = os.dup(opened.fileno())
            os.close(lowest_free)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(lowest_free, server._listener.fileno()), hard))
            try:
                await become(lambda: not server._accepting)
                assert server.connections == 0
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            await send(opened, LAST_GET)
            assert body(await received(opened)) == SMALL.data


QUICK = Limits(head=0.1, idle=0.1, response=0.1, refused=0.1)


async def test_a_connection_without_a_request_is_closed_in_time() -> None:
    async with serve([SMALL], "127.0.0.1", limits=QUICK) as server:
        assert await exchange(server, b"") == b""


async def test_a_connection_without_a_next_request_is_closed_in_time() -> None:
    async with serve([SMALL], "127.0.0.1", limits=QUICK) as server:
        assert body(await exchange(server, GET)) == SMALL.data


async def test_a_request_that_does_not_get_finished_is_told_so() -> None:
    async with serve([SMALL], "127.0.0.1", limits=Limits(head=0.1)) as server:
        answer = await exchange(server, GET + GET[:-2])
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert body(answer)[len(SMALL.data) :].startswith(b"HTTP/1.1 408 ")


async def test_dripping_bytes_do_not_make_a_head_last_longer() -> None:
    async with serve([SMALL], "127.0.0.1", limits=QUICK) as server:
        with client(server) as opened:
            answer = asyncio.create_task(received(opened))
            with contextlib.suppress(ConnectionError):
                await send(opened, GET[:-2])
                while not answer.done():
                    await send(opened, b"X: y\r\n")
                    await asyncio.sleep(0.01)
            with contextlib.suppress(ConnectionError):
                assert (await answer).startswith(b"HTTP/1.1 408 ")
        await become(lambda: server.connections == 0)


async def test_a_client_that_does_not_read_is_closed_in_time() -> None:
    fetches: list[Fetch] = []
    async with serve([LARGE], "127.0.0.1", limits=QUICK, observer=fetches.append) as server:
        with client(server, buffer=4096) as opened:
            await send(opened, GET)
            await become(lambda: bool(fetches))
    assert not fetches[0].complete
    assert fetches[0].sent < len(LARGE.data)


@pytest.mark.row(164)
async def test_bytes_always_belong_to_the_checksum_while_modules_are_replaced() -> None:
    versions = [Module(str(number), bytes([number]) * (300_000 + number)) for number in range(8)]
    async with serve(versions[:1], "127.0.0.1") as server, httpx2.AsyncClient() as http:
        seen: set[str] = set()

        async def fetch() -> None:
            while len(seen) < len(versions):
                answer = await http.get(f"http://127.0.0.1:{server.port}/kuadrant-wasm-shim")
                assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
                seen.add(answer.headers["etag"])

        clients = [asyncio.create_task(fetch()) for _ in range(8)]
        turn = 0
        while not all(task.done() for task in clients):
            server.replace(versions[turn % len(versions) :])
            turn += 1
            await asyncio.sleep(0.001)
        await asyncio.gather(*clients)


async def test_a_response_keeps_the_bytes_that_it_began_with() -> None:
    async with serve([LARGE], "127.0.0.1") as server:
        with client(server, buffer=4096) as opened:
            await send(opened, LAST_GET)
            await become(lambda: any(not connection.waiting for connection in server._connections))
            server.replace([SMALL])
            assert body(await received(opened)) == LARGE.data
        assert body(await exchange(server, LAST_GET)) == SMALL.data


async def test_modules_cannot_be_replaced_by_none() -> None:
    async with serve([SMALL], "127.0.0.1") as server:
        with pytest.raises(ValueError, match="at least one module"):
            server.replace([])
        assert body(await exchange(server, LAST_GET)) == SMALL.data


async def test_each_answer_is_reported() -> None:
    fetches: list[Fetch] = []
    async with serve([SMALL], "127.0.0.1", observer=fetches.append) as server:
        await exchange(
            server, GET + LAST_GET.replace(b"GET", b"HEAD").replace(b"Host", b"User-Agent: x\r\nHost")
        )
        refusal = await exchange(server, b"\x16\x03\x01")
        await become(lambda: len(fetches) == 3)
    path = "/kuadrant-wasm-shim"
    assert fetches == [
        Fetch(200, SMALL.sha256, len(SMALL.data), True, "127.0.0.1", "GET", path, ""),
        Fetch(200, SMALL.sha256, 0, True, "127.0.0.1", "HEAD", path, "x"),
        Fetch(400, None, len(body(refusal)), True, "127.0.0.1", "", "", ""),
    ]


async def test_a_client_that_goes_away_is_reported_as_incomplete() -> None:
    fetches: list[Fetch] = []
    async with serve([LARGE], "127.0.0.1", observer=fetches.append) as server:
        with client(server, buffer=4096) as opened:
            await send(opened, GET)
            await become(lambda: any(not connection.waiting for connection in server._connections))
        await become(lambda: bool(fetches))
        assert (fetches[0].sha256, fetches[0].complete) == (LARGE.sha256, False)
        assert server.connections == 0


async def test_an_observer_that_fails_does_no_harm() -> None:
    failures = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: failures.append(context["exception"])
    )

    def observe(fetch: Fetch) -> None:
        raise RuntimeError(fetch.method)

    async with serve([SMALL], "127.0.0.1", observer=observe) as server:
        assert (await exchange(server, GET + LAST_GET)).count(SMALL.data) == 2
        await become(lambda: len(failures) == 2)


@pytest.mark.slow
async def test_at_the_end_a_transfer_may_finish_while_nothing_new_begins() -> None:
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve([LARGE], "127.0.0.1", grace=20))
        busy = stack.enter_context(client(server, buffer=4096))
        idle = stack.enter_context(client(server))
        await send(busy, GET * 2)
        await become(lambda: server.connections == 2 and any(not one.waiting for one in server._connections))
        stopping = asyncio.create_task(server.stop(20))
        assert await received(idle) == b""
        with pytest.raises(ConnectionRefusedError):
            await exchange(server, LAST_GET)
        assert not stopping.done()
        assert body(await received(busy)) == LARGE.data
        busy.close()
        await stopping
        assert server.connections == 0


async def test_at_the_end_a_request_that_has_arrived_is_answered() -> None:
    async with serve([SMALL], "127.0.0.1", grace=20) as server:
        with client(server) as opened:
            await become(lambda: server.connections == 1)
            opened.send(GET)
            stopping = asyncio.create_task(server.stop(20))
            assert body(await received(opened)) == SMALL.data
        await stopping


async def test_at_the_end_of_the_grace_everything_is_closed() -> None:
    async with serve([LARGE], "127.0.0.1") as server:
        with client(server, buffer=4096) as opened:
            await send(opened, GET)
            await become(lambda: any(not connection.waiting for connection in server._connections))
            await server.stop(0.05)
            assert server.connections == 0
            assert len(body(await received(opened))) < len(LARGE.data)


async def test_who_comes_shortly_after_the_end_was_announced_is_still_answered_once() -> None:
    async with serve([SMALL], "127.0.0.1") as server:
        with client(server) as idle:
            await send(idle, GET)
            await asyncio.get_running_loop().sock_recv(idle, 64 * 1024)
            stopping = asyncio.create_task(server.stop(20, linger=0.5))
            assert await received(idle) == b""

        assert SMALL.data in await exchange(server, GET)  # to its end: nothing else is answered on it
        await stopping
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)


async def test_who_has_connected_and_not_asked_yet_when_it_ends_is_still_answered() -> None:
    async with serve([SMALL], "127.0.0.1") as server:
        with client(server) as opened:
            await become(lambda: server.connections == 1)
            stopping = asyncio.create_task(server.stop(20))
            await asyncio.sleep(0)
            await send(opened, GET)
            assert SMALL.data in await received(opened)
        await stopping
