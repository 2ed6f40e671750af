"""Clients of tenants' routes, in a process of their own until its input ends; prints what they saw as JSON.

``python -m tests.tenant_clients ADDRESS PORT GROUPS``: each of the groups (JSON) is a ``namespace``, the
``names`` of its routes, how many ``connections`` there are for all of them, how many requests a second all of
them send together (``rate``; 0 is as many as they can), whose they are (``user``), and how far they give way
to other processes (``nice``).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import httptools

from tests import tenants

if TYPE_CHECKING:
    from collections.abc import Iterator


class Seen:
    """What a group of clients was answered.

    How often each status, and how long each answer took, in seconds.
    """

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.broken = 0
        self.took: list[float] = []

    def told(self, seconds: float) -> dict[str, Any]:
        """All of it, for a run of so many seconds; times in milliseconds."""
        took = sorted(self.took) or [0.0]
        return {
            "statuses": {str(status): number for status, number in sorted(self.statuses.items())},
            "broken": self.broken,
            "rate": round(len(self.took) / seconds, 1),
            "p50": round(took[len(took) // 2] * 1000, 2),
            "p99": round(took[-(len(took) // 100) - 1] * 1000, 2),
            "longest": round(took[-1] * 1000, 2),
        }


class Client(asyncio.Protocol):
    """One connection, opened again when it is closed.

    Sends a request each ``pause`` seconds, or as soon as it has the answer.

    A request that could only be sent late counts as having waited from when it was due.
    """

    def __init__(self, address: tuple[str, int], requests: Iterator[bytes], pause: float, seen: Seen) -> None:
        self._address = address
        self._requests = requests
        self._pause = pause
        self._seen = seen
        self._loop = asyncio.get_running_loop()
        self._over = False
        self._waits = False
        self._due = 0.0
        self._answered: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None

    async def start(self, after: float) -> None:
        """Open the connection and send the first request ``after`` so many seconds."""
        while not self._over:
            try:
                await self._loop.create_connection(lambda: self, *self._address)
                break
            except OSError:
                self._seen.broken += 1
                await asyncio.sleep(0.05)
        self._due = self._loop.time() + after
        self._timer = self._loop.call_at(self._due, self._send)

    async def stop(self) -> None:
        """Send no more, and wait for the answer that is still owed."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._waits:
            await asyncio.wait((self._answered,), timeout=10)
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)

    def _send(self) -> None:
        self._waits = True
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = self._loop.time()
        self._waits = False
        self._seen.statuses[self._parser.get_status_code()] += 1
        self._seen.took.append(now - self._due)
        if self._over:
            self._answered.set_result(None)
            return
        if not self._parser.should_keep_alive():
            # A gateway that drains waits a second for the client to close.
            self._transport.close()
            return
        self._due = self._due + self._pause if self._pause else now
        self._timer = self._loop.call_at(self._due, self._send)

    def connection_lost(self, _: Exception | None) -> None:
        if self._over:
            return
        self._seen.broken += self._waits
        self._waits = False
        self._again = self._loop.create_task(
            self.start(max(0.01, self._due + self._pause - self._loop.time()))
        )


async def main(address: str, port: str, groups: str) -> None:
    loop = asyncio.get_running_loop()
    clients: list[Client] = []
    seen: dict[str, Seen] = {}
    began = loop.time()
    for group in json.loads(groups):
        os.nice(group.get("nice", 0))
        each = group["connections"]
        pause = each / group["rate"] if group["rate"] else 0.0
        heard = seen[group["namespace"]] = Seen()
        for number in range(each):
            name = group["names"][number % len(group["names"])]
            asked = tenants.requests(group["namespace"], name, group.get("user", ""))
            client = Client((address, int(port)), asked, pause, heard)
            await client.start(pause * number / each)
            clients.append(client)
    await loop.run_in_executor(None, sys.stdin.read)
    await asyncio.gather(*(client.stop() for client in clients))
    seconds = loop.time() - began
    sys.stdout.write(json.dumps({name: one.told(seconds) for name, one in seen.items()}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
