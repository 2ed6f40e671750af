"""Clients that fetch modules again and again, each time by a new connection.

Run inside the lab until its input ends.

Arguments: the host and port of the module server, how many clients, and the digests. Prints, as JSON, how
often each digest had which answer: ``module`` is 200 with the right bytes, ``later`` is 503 with Retry-After.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import sys
from collections import Counter

PAUSE_SECONDS = 0.1


async def fetch(host: str, port: int, sha256: str) -> str:
    """Ask for a module as a gateway does; return what came, in a word."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        return f"not connected: {error}"
    try:
        writer.write(f"GET /kuadrant-wasm-shim?sha256={sha256} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:-1])
        body = await reader.readexactly(int(fields["content-length"]))
    except (OSError, asyncio.IncompleteReadError) as error:
        return f"no answer: {error!r}"
    finally:
        writer.close()
    status = head.split()[1]
    if status == "200" and hashlib.sha256(body).hexdigest() == sha256:
        return "module"
    return "later" if status == "503" and "retry-after" in fields else f"{status}: {body[:40]!r}"


async def main(host: str, port: int, count: int, digests: list[str]) -> None:
    """Fetch until standard input ends."""
    over = asyncio.Event()
    came: dict[str, Counter[str]] = {digest: Counter() for digest in digests}

    async def client(number: int) -> None:
        for digest in itertools.islice(itertools.cycle(digests), number % len(digests), None):
            if over.is_set():
                return
            came[digest][await fetch(host, port, digest)] += 1
            await asyncio.sleep(PAUSE_SECONDS)

    clients = [asyncio.create_task(client(number)) for number in range(count)]
    await asyncio.to_thread(sys.stdin.read)
    over.set()
    await asyncio.gather(*clients)
    sys.stdout.write(json.dumps(came))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
