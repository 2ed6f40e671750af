"""Memory and descriptors stay bounded, whatever a peer sends.

A real Envoy is served meanwhile and at once.

Each way to speak is tried from the address of an Envoy, which has all that the door lets in, and from those
of strangers.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import resource
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuadrant import log
from kuadrant.xds import Admission, Denial, Server
from tests.unit.xds.client import EXTENSIONS, Client, filters
from tests.unit.xds.hostile import WAYS, requests_of_all_kinds, speak

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from kuadrant.xds import Peer

pytestmark = pytest.mark.slow

ENVOY, HOSTILE_ENVOYS, STRANGERS = "127.0.0.2", "127.0.2.", "127.0.1."
DESCRIPTORS = 512
MEBIBYTES = 128
"""That all attacks together may make the server larger: a quarter of the container's limit."""
CONNECTIONS = 200
SECONDS = 0.5
"""For which a connection goes on sending."""
SEED = random.SystemRandom().randrange(2**32)


def serve(said: Connection) -> None:
    """The server, in a process of its own; it admits only the real Envoy."""

    def admit(peer: Peer) -> Admission | Denial:
        return Admission("ns/pod", "") if peer.address == ENVOY else Denial("it is none of ours")

    reasons: set[str] = set()

    def places(address: str) -> int:
        return address == ENVOY or address.startswith(HOSTILE_ENVOYS)

    def refused(reason: str) -> None:
        if reason not in reasons:
            reasons.add(reason)
            said.send(reason)

    async def run() -> None:
        server = Server(places=places, admit=admit, refused=refused)
        said.send(await server.start())
        await server.set(filters("a"))
        server.open()
        await asyncio.Event().wait()

    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    log.configure("error", "production")
    asyncio.run(run())


class Hosting:
    """The process of the server, from outside."""

    def __init__(self, said: Connection, pid: int) -> None:
        assert said.poll(30)
        self.port: int = said.recv()
        self._said = said
        self._reasons: set[str] = set()
        self._process = Path("/proc") / str(pid)

    def reasons(self) -> set[str]:
        """Why it has closed something."""
        while self._said.poll():
            self._reasons.add(self._said.recv())
        return self._reasons

    def resident(self) -> float:
        """MiB that it holds."""
        pages = int((self._process / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def descriptors(self) -> int:
        return len(list((self._process / "fd").iterdir()))

    async def serves(self) -> None:
        """See that an Envoy gets what it is to get, within seconds."""
        client = Client(self.port, EXTENSIONS, address=ENVOY)
        try:
            async with asyncio.timeout(5):
                await client.ask("", "f")
                assert (await client.read()).nonce
        finally:
            await client.close()


@pytest.fixture(scope="module")
def hosting() -> Iterator[Hosting]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there,), daemon=True)
    process.start()
    assert process.pid is not None
    yield Hosting(here, process.pid)
    process.terminate()
    process.join()


async def attack(hosting: Hosting, place: int) -> int:
    """Say it in one way from everywhere, and see that an Envoy is served meanwhile.

    Returns the server's descriptors.
    """
    way, dice = WAYS[place], random.Random(f"{SEED} {place}")
    hostile = [f"{HOSTILE_ENVOYS}{place + 1}"] * 20
    hostile += [f"{STRANGERS}{number + 1}" for number in range(CONNECTIONS)]
    speaking = [
        asyncio.create_task(speak("127.0.0.1", hosting.port, way(dice), SECONDS, local=one))
        for one in hostile
    ]
    await hosting.serves()
    descriptors = hosting.descriptors()
    await asyncio.gather(*speaking)
    return descriptors


async def test_whatever_is_said_costs_little_and_keeps_no_envoy_waiting(hosting: Hosting) -> None:
    await hosting.serves()
    before = hosting.resident()
    sizes: dict[str, int] = {}
    for place, way in enumerate(WAYS):
        assert await attack(hosting, place) < DESCRIPTORS / 2, f"{way.__name__} {SEED}"
        sizes[way.__name__] = round(hosting.resident() - before)
        assert sizes[way.__name__] < MEBIBYTES, f"{sizes} {SEED}"
    await hosting.serves()
    # What was sent was understood so far that it was refused for what it is; a busy machine may not have come
    # to that yet.
    wanted = {"strangers", "connections", "streams", "malformed", "names"}
    async with asyncio.timeout(60):
        while not hosting.reasons() >= wanted:
            await attack(hosting, WAYS.index(requests_of_all_kinds))
