"""Runs inside the lab: requests to a gateway, and what they meet while the policy of the walk is edited.

Prints it as JSON.

``python -m tests.lab.pushed HOST cycles COUNT``: each edit opens or shuts the route; when the policy says
that it is enforced, the very next request is sent. ``... HOST load RATE COUNT``: requests at a steady rate
while the policy is edited. ``... HOST load RATE``: requests at a steady rate until the input ends, for what
somebody else does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx2

from kuadrant.kube.client import find_access

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

POLICIES = "/apis/kuadrant.io/v1/namespaces/default/ratelimitpolicies"
REQUEST = b"POST /toys HTTP/1.1\r\nhost: api.toystore.com\r\ncontent-length: 0\r\n\r\n"
CONNECTIONS = 8


class Connection:
    """A kept connection to the gateway; counts how often the gateway closed it."""

    def __init__(self, host: str) -> None:
        self.closed = 0
        self._host = host
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def status(self) -> int:
        """Send one request and return the status of its answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, 80)
        reader, writer = self._streams
        writer.write(REQUEST)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        if "content-length:" in head:
            await reader.readexactly(int(head.partition("content-length:")[2].partition("\r\n")[0]))
        else:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
        if "connection: close" in head:
            self.closed += 1
            self._streams = None
            writer.close()
        return int(head.split(" ", 2)[1])


class Policy:
    """The policy of the walk, edited as a person would and watched as a program would."""

    def __init__(self, api: httpx2.AsyncClient) -> None:
        self._api = api

    async def edit(self, name: str, maximum: int) -> int:
        """Make a limit of that name the only one; returns the generation."""
        limit = {
            "rates": [{"limit": maximum, "duration": 10, "unit": "second"}],
            "routeSelectors": [
                {"matches": [{"method": "POST", "path": {"type": "Exact", "value": "/toys"}}]}
            ],
        }
        patch = [{"op": "replace", "path": "/spec/limits", "value": {name: limit}}]
        answer = await self._api.patch(
            f"{POLICIES}/toystore",
            content=json.dumps(patch),
            headers={"content-type": "application/json-patch+json"},
        )
        answer.raise_for_status()
        generation: int = answer.json()["metadata"]["generation"]
        return generation

    async def watch(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the policy as it is and whenever it changes."""
        parameters = {"watch": "true", "fieldSelector": "metadata.name=toystore"}
        while True:
            async with self._api.stream("GET", POLICIES, params=parameters, timeout=None) as events:
                async for line in events.aiter_lines():
                    yield json.loads(line)["object"]


def is_enforced(policy: dict[str, Any], generation: int) -> bool:
    return any(
        one["type"] == "Enforced" and one["status"] == "True" and one["observedGeneration"] >= generation
        for one in policy.get("status", {}).get("conditions", ())
    )


async def cycles(api: httpx2.AsyncClient, host: str, count: int) -> dict[str, Any]:
    """Edit, wait for the word, send the next request."""
    policy, connection = Policy(api), Connection(host)
    await connection.status()
    seen = policy.watch()
    met, unmet, waits, delays = 0, [], [], []
    for number in range(count):
        shut = number % 2 == 0
        begin = time.monotonic()
        generation = await policy.edit("shut" if shut else "open", 0 if shut else 10**9)
        async for one in seen:
            if is_enforced(one, generation):
                break
        told = time.monotonic()
        status = await connection.status()
        delays.append(time.monotonic() - told)
        waits.append(told - begin)
        if status == (429 if shut else 200):
            met += 1
        else:
            unmet.append({"cycle": number, "status": status})
    waits.sort()
    return {
        "cycles": count,
        "met": met,
        "unmet": unmet[:10],
        "seconds until enforced": {"median": waits[count // 2], "most": waits[-1]},
        "seconds from the word to the answer": {"most": max(delays)},
        "closed": connection.closed,
    }


async def edits(api: httpx2.AsyncClient, count: int) -> dict[str, Any]:
    """Edit the policy so that nothing changes for requests, each time it says that it is enforced."""
    policy = Policy(api)
    seen, enforced = policy.watch(), 0
    for number in range(count):
        generation = await policy.edit("a" if number % 2 == 0 else "b", 10**9)
        async for one in seen:
            if is_enforced(one, generation):
                enforced += 1
                break
    return {"edits": count, "enforced": enforced}


async def told() -> dict[str, Any]:
    """Return when the input ends."""
    await asyncio.to_thread(sys.stdin.read)
    return {}


async def load(
    api: httpx2.AsyncClient, host: str, rate: float, what: Coroutine[Any, Any, dict[str, Any]]
) -> dict[str, Any]:
    """Send requests at a steady rate while ``what`` is done."""
    stop = asyncio.Event()
    statuses: Counter[int] = Counter()
    slowest = 0.0
    connections = [Connection(host) for _ in range(CONNECTIONS)]

    async def client(connection: Connection) -> None:
        nonlocal slowest
        due = time.monotonic()
        while not stop.is_set():
            begin = time.monotonic()
            statuses[await connection.status()] += 1
            slowest = max(slowest, time.monotonic() - begin)
            due = max(due + CONNECTIONS / rate, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    before, begin = await asked(api), time.monotonic()
    clients = [asyncio.create_task(client(connection)) for connection in connections]
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    result = await what
    stop.set()
    await asyncio.gather(*clients)
    seconds = time.monotonic() - begin
    return {
        **result,
        "statuses": {str(status): number for status, number in statuses.items()},
        "requests a second": statuses.total() / seconds,
        "asked": await asked(api) - before,
        "slowest": slowest,
        "closed": sum(connection.closed for connection in connections),
    }


async def asked(api: httpx2.AsyncClient) -> int:
    """How many calls the rate limit service has answered."""
    pods = (await api.get("/api/v1/namespaces/kuadrant-system/pods")).json()["items"]
    (address,) = [
        pod["status"]["podIP"]
        for pod in pods
        if "ratelimit" in pod["metadata"]["name"]
        and "deletionTimestamp" not in pod["metadata"]
        and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"]["conditions"])
    ]
    async with httpx2.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"http://{address}:8080/metrics")).text
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    numbers = {name: float(value) for name, value in lines}
    return round(
        sum(
            value for name, value in numbers.items() if name.startswith(("authorized_calls", "limited_calls"))
        )
    )


async def main(host: str, what: str, number: str, count: str = "") -> None:
    async with find_access().connect() as api:
        if what == "cycles":
            seen = await cycles(api, host, int(number))
        else:
            seen = await load(api, host, float(number), edits(api, int(count)) if count else told())
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
