"""Peers of the rate limit port that speak HTTP/2 by hand, and do not behave."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
import asyncio, sys
from kuadrant.ratelimit import make_server
from tests.unit.ratelimit.asking import limit
from kuadrant.ratelimit import RateLimitService

async def main():
    server = make_server(
        RateLimitService([limit(10**9)]), "127.0.0.1", 0, sys.argv[1], most_memory=int(sys.argv[2])
    )
    await server.start()
    print(server.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(0)

asyncio.run(main())
"""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, WINDOW = 0, 1, 4, 6, 8


class Server:
    """The rate limit service as a process."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    @property
    def memory(self) -> int:
        """What it takes, in bytes."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def descriptors(self) -> int:
        """How many it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@contextlib.contextmanager
def serving(core: str, most_memory: int = 1 << 40) -> Iterator[Server]:
    """A server in a process of its own, which has ended afterwards."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, core, str(most_memory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield Server(process, int(process.stdout.readline()))
            assert process.poll() is None
        finally:
            process.kill()


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    """One frame of HTTP/2."""
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def _field(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


CALL = b"".join(
    [
        _field(b":method", b"POST"),
        _field(b":scheme", b"http"),
        _field(b":path", b"/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"),
        _field(b":authority", b"x"),
        _field(b"content-type", b"application/grpc"),
        _field(b"te", b"trailers"),
    ]
)


def connect(server: Server) -> socket.socket:
    """A connection that has said who it is."""
    connection = socket.create_connection(("127.0.0.1", server.port), 10)
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0))
    return connection


def hold(connection: socket.socket, megabytes: int) -> None:
    """Send so much of messages that are never whole, in 200 calls side by side, or as much as is taken."""
    part = b"x" * 16384
    with contextlib.suppress(OSError):
        for stream in range(200):
            start = b"\0" + struct.pack(">I", (4 << 20) - 100)
            connection.sendall(
                frame(HEADERS, 4, 2 * stream + 1, CALL) + frame(DATA, 0, 2 * stream + 1, start)
            )
        for number in range(megabytes * 64):
            connection.sendall(frame(DATA, 0, 2 * (number % 200) + 1, part))
            if select.select([connection], [], [], 0)[0]:
                connection.recv(1 << 16)


def send_large(connection: socket.socket, megabytes: int) -> None:
    """Send so much in whole messages of almost 4 MiB, one call after the other.

    It waits for no answer.
    """
    part = b"x" * 16380
    with contextlib.suppress(OSError):
        for number in range(megabytes // 4):
            stream = 2 * number + 1
            connection.sendall(frame(HEADERS, 4, stream, CALL))
            connection.sendall(frame(DATA, 0, stream, b"\0" + struct.pack(">I", 255 * 16380)))
            for last in range(255):
                connection.sendall(frame(DATA, int(last == 254), stream, part))
                if select.select([connection], [], [], 0)[0]:
                    connection.recv(1 << 16)
