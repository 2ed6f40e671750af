"""The ports that speak HTTP, under strangers, in a process of their own.

Descriptors, memory and log lines stay within bounds.

`FUZZ_SCALE` times 3 seconds of each.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.wasm.bad_clients import Clients

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.conftest import Fuzz

pytestmark = pytest.mark.slow

SECONDS = 3.0
CLIENTS = 16
CROWD = 1500
DESCRIPTORS = 256
"""Of the server's process: fewer than come."""
MIB = 2**20

SERVERS = {
    "probes": (
        """
import asyncio, sys
from kuadrant import log
from kuadrant.operations import OperationsServer

async def main():
    log.configure("info", "production")
    page = b"x" * 200_000
    pages = {"/metrics": ("text/plain", lambda: page), "/kuadrant-wasm-shim": ("text/plain", lambda: page)}
    server = OperationsServer(pages, "127.0.0.1", 0, checks={"/healthz": lambda: None})
    await server.start()
    print(server.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
""",
        "/healthz",
        64,
    ),
    "modules": (
        """
import asyncio
from kuadrant import log
from kuadrant.wasm import Module
from kuadrant.wasm.connection import Limits
from kuadrant.wasm.server import serve

async def main():
    log.configure("info", "production")
    module = Module("shim", b"\\0asm\\1\\0\\0\\0" + bytes(200_000), version="0.2.0")
    async with serve([module], "127.0.0.1") as server:
        print(server.port, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
""",
        "/kuadrant-wasm-shim",
        512,
    ),
}


class Server:
    """A server in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, errors: Path) -> None:
        self._process = process
        self._errors = errors
        self.port = port

    @property
    def descriptors(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self._process.pid}/fd").iterdir())

    @property
    def memory(self) -> int:
        """The most that it has ever had, in bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    @property
    def lines(self) -> list[str]:
        return self._errors.read_text().splitlines()


@contextlib.asynccontextmanager
async def started(program: str, errors: Path) -> AsyncIterator[Server]:
    with errors.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh", sys.executable, "-c", program),
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    try:
        assert process.stdout is not None
        yield Server(process, int(await process.stdout.readline()), errors)
        assert process.returncode is None
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def asked(port: int, path: str) -> bytes:
    """What somebody with another address gets, such as a kubelet or a gateway."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(CROWD + 1000, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("name", SERVERS)
async def test_strangers_cost_a_port_bounded_descriptors_memory_and_lines(
    name: str, fuzz: Fuzz, tmp_path: Path
) -> None:
    program, path, most = SERVERS[name]
    served = strangers = 0
    async with started(program, tmp_path / "errors") as server:
        assert (await asked(server.port, path)).startswith(b"HTTP/1.1 200 ")
        before = server.memory
        rest = server.descriptors
        bad = Clients(server.port, fuzz.seed)
        end = time.monotonic() + SECONDS * fuzz.scale

        async def misbehave() -> None:
            nonlocal strangers
            while time.monotonic() < end:
                await bad.one()
                strangers += 1

        async def crowd() -> None:
            """Many connections, of which half say nothing and half do not read."""
            while time.monotonic() < end:
                with contextlib.ExitStack() as stack:
                    for number in range(CROWD):
                        opened = stack.enter_context(socket.socket())
                        opened.setblocking(False)
                        with contextlib.suppress(BlockingIOError):
                            opened.connect(("127.0.0.1", server.port))
                        if number % 2:
                            with contextlib.suppress(OSError):
                                opened.send(b"GET /kuadrant-wasm-shim HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
                        if number % 100 == 0:
                            await asyncio.sleep(0)
                    await asyncio.sleep(0.1)

        going = [asyncio.create_task(misbehave()) for _ in range(CLIENTS)] + [asyncio.create_task(crowd())]
        while time.monotonic() < end:
            async with asyncio.timeout(20):
                assert (await asked(server.port, path)).startswith(b"HTTP/1.1 200 ")
            served += 1
            assert server.descriptors <= min(rest + most, DESCRIPTORS)
        await asyncio.gather(*going)
        async with asyncio.timeout(20):
            assert (await asked(server.port, path)).startswith(b"HTTP/1.1 200 ")
        assert server.memory - before < 32 * MIB
        assert server.lines == []
    assert served
    fuzz.done(f"strangers at {name}, {served} good ones", strangers)
