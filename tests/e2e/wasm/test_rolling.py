"""Two replicas of the operator are replaced one after the other.

Gateways fetch modules meanwhile from whichever they are sent to.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import signal
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from kuadrant.wasm import embedded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CLIENTS = 50
NODE_SECONDS = 0.5
"""How long a node still sends connections to a replica that was told to end."""

# Serves what the operator does, the way it does: A is in both, B is the newer one.
REPLICA = """
import asyncio, signal, sys
from kuadrant.wasm import embedded
from kuadrant.wasm.server import serve

async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    b, a = embedded()[:2]
    modules = {"old": [a], "new": [b, a]}[sys.argv[1]]
    async with serve(modules, "127.0.0.1", grace=3.0, linger=lambda: 3.0) as server:
        print(server.port, flush=True)
        await stop.wait()

asyncio.run(main())
"""


class Service:
    """The replicas that connections are sent to."""

    def __init__(self) -> None:
        self._replicas: dict[int, asyncio.subprocess.Process] = {}

    async def start(self, age: str) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", REPLICA, age, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        self._replicas[port] = process
        return port

    async def end(self, port: int) -> None:
        """End a replica as a cluster does: it hears of it first, nodes a moment later."""
        process = self._replicas[port]
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(NODE_SECONDS)
        del self._replicas[port]
        assert await process.wait() == 0

    async def close(self) -> None:
        for process in self._replicas.values():
            process.kill()
            await process.wait()

    def pick(self) -> int:
        return random.choice(list(self._replicas))


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    one = Service()
    yield one
    await one.close()


async def fetch(port: int, sha256: str) -> str:
    """Ask for a module as a gateway does; return what came, in a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET /kuadrant-wasm-shim?sha256={sha256} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:-1])
        body = await reader.readexactly(int(fields["content-length"]))
    finally:
        writer.close()
    status = head.split()[1]
    if status == "200" and hashlib.sha256(body).hexdigest() == sha256:
        return "module"
    return "later" if status == "503" and "retry-after" in fields else f"{status}: {body[:40]!r}"


async def test_every_answer_is_the_right_module_or_later(service: Service) -> None:
    b, a = (module.sha256 for module in embedded()[:2])
    came: Counter[tuple[str, str]] = Counter()
    going = True

    async def client() -> None:
        while going:
            sha256 = random.choice((a, b))
            try:
                came["b" if sha256 == b else "a", await fetch(service.pick(), sha256)] += 1
            except (OSError, asyncio.IncompleteReadError) as error:
                came["no answer", repr(error)] += 1

    old = [await service.start("old") for _ in range(2)]
    clients = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    new = []
    for port in old:  # from A to B
        new.append(await service.start("new"))
        await service.end(port)
    rolled = Counter(came)
    while (came - rolled).total() < 10 * CLIENTS:  # noqa: ASYNC110 - what is counted tells nobody
        await asyncio.sleep(0.05)
    after = came - rolled
    for port in new:  # and back
        await service.start("old")
        await service.end(port)
    going = False
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*clients)

    # The module that was there before the change is there at every moment.
    assert set(came) == {("a", "module"), ("b", "module"), ("b", "later")}, came
    assert ("b", "later") not in after
