"""Runs inside the lab: edits a policy again and again and looks at what requests meet; prints what was seen as JSON.

``python -m tests.lab.pushed cycles COUNT``: each edit opens or shuts the route; when the policy says that it is enforced, the very
next request is sent. ``python -m tests.lab.pushed load COUNT RATE``: requests at a steady rate while the policy is edited.
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
    from collections.abc import AsyncIterator

GATEWAY = "istio-ingressgateway.istio-system.svc.cluster.local"
POLICIES = "/apis/kuadrant.io/v1/namespaces/default/ratelimitpolicies"
REQUEST = b"POST /toys HTTP/1.1\r\nhost: api.toystore.com\r\ncontent-length: 0\r\n\r\n"
CONNECTIONS = 8


class Connection:
    """A kept connection to the gateway; counts how often the gateway closed it."""

    def __init__(self) -> None:
        self.closed = 0
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def status(self) -> int:
        """Send one request and return the status of its answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(GATEWAY, 80)
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


async def cycles(api: httpx2.AsyncClient, count: int) -> dict[str, Any]:
    """Edit, wait for the word, send the next request."""
    policy, connection = Policy(api), Connection()
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


async def load(api: httpx2.AsyncClient, count: int, rate: float) -> dict[str, Any]:
    """Edit while requests come at a steady rate; no edit changes what they meet."""
    policy, stop = Policy(api), asyncio.Event()
    await policy.edit("b", 10**9)
    seen = policy.watch()
    statuses: Counter[int] = Counter()
    slowest = 0.0
    connections = [Connection() for _ in range(CONNECTIONS)]

    async def client(connection: Connection) -> None:
        nonlocal slowest
        due = time.monotonic()
        while not stop.is_set():
            begin = time.monotonic()
            statuses[await connection.status()] += 1
            slowest = max(slowest, time.monotonic() - begin)
            due = max(due + CONNECTIONS / rate, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    await asyncio.sleep(5)
    before, begin = await asked(api), time.monotonic()
    clients = [asyncio.create_task(client(connection)) for connection in connections]
    enforced = 0
    for number in range(count):
        generation = await policy.edit("a" if number % 2 == 0 else "b", 10**9)
        async for one in seen:
            if is_enforced(one, generation):
                enforced += 1
                break
    stop.set()
    await asyncio.gather(*clients)
    seconds = time.monotonic() - begin
    return {
        "edits": count,
        "enforced": enforced,
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


async def main(what: str, count: str, *rest: str) -> None:
    async with find_access().connect() as api:
        seen = await (
            cycles(api, int(count)) if what == "cycles" else load(api, int(count), *map(float, rest))
        )
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
