"""Everything that a pod without business can say to our services, at once. Runs inside the lab.

``python -m tests.lab.attacks SECONDS TARGETS``: for so many seconds; TARGETS (JSON) are the addresses of the
operator's pods (``operators``) and of the rate limit service's (``services``). Prints how many connections
there were.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import ssl
import sys
from typing import TYPE_CHECKING

from kuadrant.envoy_api import message
from tests.tenants import HONEST, HOSTILE
from tests.unit.xds.client import EXTENSIONS
from tests.unit.xds.hostile import (
    BEGUN,
    DATA,
    WAYS,
    call,
    data,
    field,
    frame,
    grpc_message,
    http_1,
    junk,
    nothing,
    request,
    speak,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Way = Callable[[random.Random], Iterator[bytes]]

ASK = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
GET = b"GET /kuadrant-wasm-shim HTTP/1.1\r\nhost: a\r\n\r\n"
SPEAK_SECONDS = 3.0
"""For which a connection is spoken on; what comes back is never read."""
PUSH = 8083
GIVE_WAY = 19
"""How nice it is: who attacks from elsewhere takes no time of the node's processors."""

_Question = message("envoy.service.ratelimit.v3.RateLimitRequest")


def question(domain: str, dice: random.Random, entries: int) -> bytes:
    """A question that a gateway could ask, for a counter that nobody has."""
    text = _Question(domain=domain, hits_addend=1)
    descriptor = text.descriptors.add()
    for number in range(entries):
        descriptor.entries.add(key=f"descriptor {number}", value=dice.randbytes(8).hex())
    return bytes(text.SerializeToString())


def asked(stream: int, text: bytes) -> bytes:
    """A whole call of the rate limit service."""
    return call(stream, ASK) + data(stream, grpc_message(text)) + frame(DATA, 1, stream)


def questions(dice: random.Random) -> Iterator[bytes]:
    yield BEGUN
    for stream in range(1, 2**20, 2):
        domain = dice.choice((f"{HOSTILE}/values", f"{HONEST}/counted", "x"))
        yield asked(stream, question(domain, dice, 3))


def large_questions(dice: random.Random) -> Iterator[bytes]:
    yield BEGUN
    for stream in range(1, 2**20, 2):
        yield asked(stream, question(f"{HOSTILE}/rates", dice, 1500))


def questions_without_an_end(_: random.Random) -> Iterator[bytes]:
    yield BEGUN
    for stream in range(1, 400, 2):
        yield call(stream, ASK) + data(stream, grpc_message(bytes(15_000), (4 << 20) - 100))
    while True:
        yield data(1, bytes(15_000))


def tokens_of_junk(dice: random.Random) -> Iterator[bytes]:
    yield BEGUN
    for stream in range(1, 2**20, 2):
        token = field("authorization", f"Bearer a.{dice.randbytes(16).hex()}.b".encode())
        wanted = request(node={"id": "a"}, resource_names=["f"])
        yield call(stream, EXTENSIONS, token) + data(stream, grpc_message(wanted))


def pipelined(_: random.Random) -> Iterator[bytes]:
    while True:
        yield GET * 200


def one_module(_: random.Random) -> Iterator[bytes]:
    yield GET


def byte_by_byte(_: random.Random) -> Iterator[bytes]:
    for at in range(len(GET) - 1):
        yield GET[at : at + 1]


HTTP: tuple[tuple[Way, int], ...] = (
    (nothing, 40),
    (junk, 4),
    (http_1, 4),
    (pipelined, 10),
    (one_module, 20),
    (byte_by_byte, 20),
)
"""Ways to speak to a port of HTTP/1.1, and over how many connections each."""
GRPC: tuple[tuple[Way, int], ...] = tuple((way, 2) for way in WAYS)
ASKING: tuple[tuple[Way, int], ...] = ((questions, 4), (large_questions, 4), (questions_without_an_end, 4))
PORTS = {
    "operators": {8080: HTTP, 8081: HTTP, 8082: HTTP, PUSH: (*GRPC, (tokens_of_junk, 8))},
    "services": {8080: HTTP, 8081: (*GRPC, *ASKING)},
}


def hello(port: int) -> ssl.SSLContext | None:
    """How to begin with a port that speaks TLS; whose certificate it is is no matter."""
    if port != PUSH:
        return None
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


async def main(seconds: str, targets: str) -> None:
    os.nice(GIVE_WAY)
    loop = asyncio.get_running_loop()
    ends = loop.time() + float(seconds)
    connections = itertools.count()

    async def again_and_again(address: str, port: int, way: Way, dice: random.Random) -> None:
        while loop.time() < ends:
            # Without a handshake, too, where there ought to be one.
            how = hello(port) if next(connections) % 4 else None
            await speak(address, port, way(dice), SPEAK_SECONDS, pause=0.01, how=how)
            await asyncio.sleep(0.05)

    await asyncio.gather(
        *(
            again_and_again(address, port, way, random.Random(f"{address} {port} {number}"))
            for what, addresses in json.loads(targets).items()
            for address in addresses
            for port, ways in PORTS[what].items()
            for way, times in ways
            for number in range(times)
        )
    )
    sys.stdout.write(f"{next(connections)}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
