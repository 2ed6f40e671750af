"""The server over real sockets, with a client that speaks the protocol by hand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]
import pytest
from structlog.testing import capture_logs

from kuadrant.xds import (
    CLUSTER,
    EXTENSION,
    LISTENER,
    AddressError,
    Admission,
    Denial,
    Peer,
    Refusal,
    Server,
    Snapshot,
)
from kuadrant.xds.wire import address_of
from tests.unit.xds.client import EXTENSIONS, Client, filters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def clusters(*names: str) -> Snapshot:
    return Snapshot.of({CLUSTER: {name: {"@type": CLUSTER, "name": name} for name in names}})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server(clock=lambda: 7.0)
    yield server
    await server.stop()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    client = Client(await server.start())
    yield client
    await client.close()


async def test_a_snapshot_is_answered_and_a_new_one_is_pushed(server: Server, client: Client) -> None:
    await server.set(clusters("a"))
    await client.ask(CLUSTER)
    first = await client.read()
    await client.ask(CLUSTER, nonce=first.nonce)
    await server.settled(CLUSTER)
    await server.set(clusters("a", "b"))
    second = await client.read()

    assert (first.type_url, first.version_info) == (CLUSTER, clusters("a").version(CLUSTER))
    assert [packed.type_url for packed in first.resources] == [CLUSTER]
    assert second.version_info == clusters("a", "b").version(CLUSTER)
    assert len(second.resources) == 2


async def test_who_comes_is_told_nothing_before_it_may_be(server: Server, client: Client) -> None:
    came: asyncio.Queue[Peer] = asyncio.Queue()
    may = asyncio.Event()

    async def ready(peer: Peer) -> None:
        came.put_nowait(peer)
        await may.wait()

    server.hold_back(ready)
    await server.set(clusters("old"))
    await client.ask(CLUSTER)
    peer = await came.get()
    await server.set(clusters("new"))
    may.set()

    assert (await client.read()).version_info == clusters("new").version(CLUSTER)
    assert peer.node == "node"


async def test_settled_waits_for_the_verdict(server: Server, client: Client) -> None:
    await server.set(clusters("a"))
    await client.ask(CLUSTER)
    response = await client.read()
    settled = asyncio.create_task(server.settled(CLUSTER))
    await asyncio.wait([settled], timeout=0.05)
    assert not settled.done()

    await client.ask(CLUSTER, nonce=response.nonce)

    assert await asyncio.wait_for(settled, 10) == ()


async def test_settled_gives_the_refusals(client: Client, server: Server) -> None:
    await server.set(clusters("a"))
    await client.ask(CLUSTER)
    response = await client.read()
    await client.ask(CLUSTER, nonce=response.nonce, error="no good")

    (refusal,) = await asyncio.wait_for(server.settled(CLUSTER, LISTENER), 10)

    (resource,) = clusters("a").of_type(CLUSTER).values()
    assert refusal == Refusal("node", CLUSTER, response.version_info, {"a": resource.version}, "no good", 7.0)


async def test_settled_does_not_wait_for_who_left(client: Client, server: Server) -> None:
    await server.set(clusters("a"))
    await client.ask(CLUSTER)
    await client.read()
    settled = asyncio.create_task(server.settled(CLUSTER))

    await client.close()

    assert await asyncio.wait_for(settled, 10) == ()
    assert server.status() == ()


async def test_settled_with_nobody_connected_is_at_once(server: Server) -> None:
    assert await server.settled(CLUSTER) == ()


async def test_taken_waits_for_an_envoy_that_has_taken_it(server: Server, client: Client) -> None:
    await server.set(clusters("a"))
    waiting = asyncio.create_task(server.taken(CLUSTER))
    await client.ask(CLUSTER)
    first = await client.read()
    assert not waiting.done()

    await client.ask(CLUSTER, nonce=first.nonce, error="no")
    await server.settled(CLUSTER)
    assert not waiting.done()

    await server.set(clusters("a", "b"))
    second = await client.read()
    await client.ask(CLUSTER, nonce=second.nonce)
    await waiting


async def test_a_refusal_is_reported_as_it_arrives() -> None:
    refusals: asyncio.Queue[Refusal] = asyncio.Queue()
    server = Server(on_refusal=refusals.put_nowait)
    await server.set(clusters("a"))
    client = Client(await server.start())
    await client.ask(CLUSTER)
    await client.ask(CLUSTER, nonce=(await client.read()).nonce, error="no good")

    assert (await asyncio.wait_for(refusals.get(), 10)).text == "no good"
    await client.close()
    await server.stop()


async def test_by_default_a_refusal_is_logged_with_envoys_text(server: Server, client: Client) -> None:
    with capture_logs() as lines:
        await server.set(clusters("a"))
        await client.ask(CLUSTER)
        await client.ask(CLUSTER, nonce=(await client.read()).nonce, error="no good at all")
        await server.settled(CLUSTER)

    assert [line["text"] for line in lines if line["log_level"] == "error"] == ["no good at all"]


async def test_the_extension_service_needs_no_type(server: Server) -> None:
    extension = {"@type": EXTENSION, "name": "shim"}
    await server.set(Snapshot.of({EXTENSION: {"shim": extension}}))
    client = Client(await server.start(), EXTENSIONS)
    await client.ask("", "shim")

    assert (await client.read()).type_url == EXTENSION
    await client.close()


async def test_a_client_that_has_nothing_more_to_ask_ends_the_stream(server: Server, client: Client) -> None:
    await client.ask(CLUSTER)
    await client.read()

    await client.call.done_writing()

    assert await client.read() is grpc.aio.EOF
    assert server.status() == ()


async def test_stopping_ends_the_streams(server: Server, client: Client) -> None:
    await client.ask(CLUSTER)
    await client.read()

    await server.stop()

    with pytest.raises(grpc.aio.AioRpcError):
        await client.read()


async def test_a_port_that_is_taken_is_an_error_that_names_it(server: Server) -> None:
    port = await server.start()

    with pytest.raises(AddressError, match=f"127.0.0.1:{port}.*taken"):
        await Server(port=port).start()


async def test_an_envoy_gets_what_its_group_gets_once_it_is_admitted() -> None:
    answer: list[Admission | Denial] = [Denial("nobody knows it")]
    peers: list[Peer] = []

    def admit(peer: Peer) -> Admission | Denial:
        peers.append(peer)
        return answer[-1]

    server = Server(clock=lambda: 7.0, admit=admit)
    client = Client(await server.start(), EXTENSIONS)
    try:
        await server.set(filters("a"), "one")
        await server.set(filters("b"), "two")
        with capture_logs() as logs:
            await client.ask("", "f")
            async with asyncio.timeout(10):
                while not server.connected():
                    await server.changed()
        assert [(one["event"], one["reason"]) for one in logs] == [
            ("an Envoy gets nothing", "nobody knows it")
        ]
        assert [(one.address, one.node) for one in peers] == [("127.0.0.1", "node")]

        answer.append(Admission("ns/pod", "two"))
        server.admit_again()
        response = await client.read()
        assert response.version_info == filters("b").version(EXTENSION)
        await client.ask("", "f", nonce=response.nonce)
        await server.settled(EXTENSION)
        (connected,) = server.connected()
        assert connected.admission == Admission("ns/pod", "two")
        assert connected.stream.types[EXTENSION].running["f"].at == 7.0
    finally:
        await client.close()
        await server.stop()


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:50000", ("192.0.2.1", 50000)),
        ("ipv6:%5B2001:db8::1%5D:50000", ("2001:db8::1", 50000)),
        ("unix:/a", ("", 0)),
    ],
)
def test_the_address_of_a_peer(peer: str, address: tuple[str, int]) -> None:
    assert address_of(peer) == address


@pytest.mark.slow
async def test_every_stream_that_was_broken_off_is_forgotten(server: Server) -> None:
    """At whatever moment: gRPC lost one of some hundreds."""
    port = await server.start()
    for number in range(1500):
        client = Client(port, EXTENSIONS)
        await client.ask("", "x")
        async with asyncio.timeout(10):
            while not server.connected():
                await server.changed()
            await client.ask("", "x", nonce=str(number))
            await client.close()
            while server.status():
                await server.changed()
