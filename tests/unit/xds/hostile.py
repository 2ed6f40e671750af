"""What hostile peers of a gRPC server may say: each way yields the bytes of one connection."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING, Any

from kuadrant.envoy_api import message
from tests.unit.xds.client import EXTENSIONS

if TYPE_CHECKING:
    import random
    import ssl
    from collections.abc import Callable, Iterator


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 8, 9


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def field(name: str, value: bytes) -> bytes:
    """A header, not indexed and not compressed."""
    return b"\0" + length(len(name)) + name.encode() + length(len(value)) + value


def length(number: int) -> bytes:
    if number < 127:
        return bytes([number])
    number -= 127
    found = b"\x7f"
    while number >= 128:
        found += bytes([number % 128 + 128])
        number //= 128
    return found + bytes([number])


def call(stream: int, method: str = EXTENSIONS, *more: bytes) -> bytes:
    headers = {":method": "POST", ":scheme": "http", ":path": method, ":authority": "push", "te": "trailers"}
    headers["content-type"] = "application/grpc"
    block = b"".join(field(name, value.encode()) for name, value in headers.items())
    return frame(HEADERS, 4, stream, block + b"".join(more))


def grpc_message(text: bytes, announced: int | None = None) -> bytes:
    return b"\0" + struct.pack(">I", len(text) if announced is None else announced) + text


def data(stream: int, text: bytes) -> bytes:
    return b"".join(frame(DATA, 0, stream, text[at : at + 16_000]) for at in range(0, len(text), 16_000))


def request(**what: Any) -> bytes:
    text: bytes = message("envoy.service.discovery.v3.DiscoveryRequest")(**what).SerializeToString()
    return text


BEGUN = PREFACE + frame(SETTINGS) + frame(WINDOW, 0, 0, struct.pack(">I", 2**30))


def junk(dice: random.Random) -> Iterator[bytes]:
    while True:
        yield dice.randbytes(dice.randrange(1, 20_000))


def tls_junk(dice: random.Random) -> Iterator[bytes]:
    yield b"\x16\x03\x01"
    yield from junk(dice)


def http_1(_: random.Random) -> Iterator[bytes]:
    yield b"GET / HTTP/1.1\r\n"
    while True:
        yield b"a: " + b"b" * 10_000 + b"\r\n"


def nothing(_: random.Random) -> Iterator[bytes]:
    yield b""


def frames_of_any_kind(dice: random.Random) -> Iterator[bytes]:
    yield BEGUN
    while True:
        yield frame(
            dice.randrange(12), dice.randrange(256), dice.randrange(64), dice.randbytes(dice.randrange(200))
        )


def headers_without_end(_: random.Random) -> Iterator[bytes]:
    yield BEGUN + frame(HEADERS, 0, 1, field("a", b"b"))
    while True:
        yield frame(CONTINUATION, 0, 1, field("a", b"b" * 16_000))


def large_headers(_: random.Random) -> Iterator[bytes]:
    yield BEGUN
    for stream in range(1, 2**20, 2):
        yield call(stream, EXTENSIONS, *(field("a", b"b" * 4000) for _ in range(3)))


def streams_that_are_reset(_: random.Random) -> Iterator[bytes]:
    yield BEGUN
    for stream in range(1, 2**20, 2):
        yield call(stream) + frame(RST, 0, stream, struct.pack(">I", 8))


def streams_that_say_nothing(_: random.Random) -> Iterator[bytes]:
    yield BEGUN
    for stream in range(1, 2**20, 2):
        yield call(stream)


def pings(_: random.Random) -> Iterator[bytes]:
    yield BEGUN + call(1)
    while True:
        yield frame(PING, 0, 0, bytes(8)) * 100


def settings(dice: random.Random) -> Iterator[bytes]:
    yield BEGUN + call(1)
    while True:
        yield (
            frame(SETTINGS, 0, 0, struct.pack(">HI", dice.randrange(1, 7), dice.randrange(2**16, 2**17))) * 20
        )


def methods_of_all_kinds(dice: random.Random) -> Iterator[bytes]:
    yield BEGUN
    services = ("envoy.service.discovery.v3.AggregatedDiscoveryService", "kuadrant.operator.Deliveries", "")
    methods = ("DeltaAggregatedResources", "StreamAggregatedResources", "Follow", "", "\0")
    for stream in range(1, 2**20, 2):
        yield call(stream, f"/{dice.choice(services)}/{dice.choice(methods)}") + data(
            stream, grpc_message(request(node={"id": "a"}))
        )


def messages_that_are_announced(dice: random.Random) -> Iterator[bytes]:
    yield BEGUN
    for stream in range(1, 2**20, 2):
        yield call(stream) + data(
            stream, grpc_message(bytes(60_000), dice.choice((200_000, 2**31, 2**32 - 1)))
        )


def messages_of_junk(dice: random.Random) -> Iterator[bytes]:
    yield BEGUN
    for stream in range(1, 2**20, 2):
        yield call(stream) + data(stream, grpc_message(dice.randbytes(dice.randrange(2000))))


def requests_of_all_kinds(dice: random.Random) -> Iterator[bytes]:
    yield BEGUN
    contents: tuple[Callable[[], dict[str, Any]], ...] = (
        lambda: {"node": {"id": "a" * dice.randrange(20_000)}},
        lambda: {"node": {"id": "a\0\u2028\x1b[2J"}, "resource_names": ["\0"]},
        lambda: {"node": {"id": "a"}, "resource_names": [str(n) for n in range(dice.randrange(4000))]},
        lambda: {"node": {"metadata": {"a": [True] * 5000}}},
        lambda: {"node": {"id": "a"}, "type_url": f"type {dice.random()}"},
        lambda: {"node": {"id": "a"}, "response_nonce": "n" * 10_000, "version_info": "v" * 10_000},
        lambda: {"response_nonce": "1", "error_detail": {"message": "m" * 20_000}},
    )
    # No more than the window of a connection: what goes beyond ends it.
    sent = 0
    for stream in range(1, 2**20, 2):
        said = b"".join(grpc_message(request(**dice.choice(contents)())) for _ in range(dice.randrange(1, 4)))
        if sent + len(said) > 60_000:
            return
        sent += len(said)
        yield call(stream) + data(stream, said)


def one_request_again_and_again(_: random.Random) -> Iterator[bytes]:
    said = grpc_message(request(node={"id": "a"}, resource_names=["f"], response_nonce="1"))
    yield BEGUN + call(1)
    while True:
        yield data(1, said * 300)


WAYS = [
    nothing,
    junk,
    tls_junk,
    http_1,
    frames_of_any_kind,
    headers_without_end,
    large_headers,
    streams_that_are_reset,
    streams_that_say_nothing,
    pings,
    settings,
    methods_of_all_kinds,
    messages_that_are_announced,
    messages_of_junk,
    requests_of_all_kinds,
    one_request_again_and_again,
]


async def speak(
    address: str,
    port: int,
    said: Iterator[bytes],
    seconds: float,
    *,
    pause: float = 0.0,
    how: ssl.SSLContext | None = None,
    local: str | None = None,
) -> None:
    """Say it until nobody listens any more or the time is over; nothing that comes back is read."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(seconds):
            own = None if local is None else (local, 0)
            _, writer = await asyncio.open_connection(address, port, ssl=how, local_addr=own)
            try:
                for text in said:
                    writer.write(text)
                    await writer.drain()
                    await asyncio.sleep(pause)
                await asyncio.sleep(seconds)
            finally:
                writer.transport.abort()
