"""Edit a policy's limit again and again, with requests all the while; prints what came of it as JSON.

Run inside the lab.

A limit of 1 in an hour is exhausted, one of a million is not, so the answers to POST tell which of the two
holds. GET has a limit that is always exhausted: an answer to GET other than 429 is one that was not limited.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter

import httpx2

from kuadrant.kube.client import find_access

PATH = "/apis/kuadrant.io/v1/namespaces/default/ratelimitpolicies/toystore"
EXHAUSTED, FREE = 1, 1_000_000
MOST_SECONDS = 20


async def main(url: str, edits: int) -> None:
    """Edit ``edits`` times; requests go to ``url``."""
    headers = {"host": "api.toystore.com"}
    seconds: list[float] = []
    late: Counter[str] = Counter()
    watched: Counter[int] = Counter()
    async with find_access().connect() as api, httpx2.AsyncClient(headers=headers, trust_env=False) as client:

        async def watch() -> None:
            while True:
                watched[(await client.get(url)).status_code] += 1
                await asyncio.sleep(0.002)

        async def edit(limit: int) -> float:
            wanted, other = (429, 200) if limit == EXHAUSTED else (200, 429)
            began = time.monotonic()
            change = {"spec": {"limits": {"post": {"rates": [{"limit": limit, "window": "1h"}]}}}}
            response = await api.patch(
                PATH, json=change, headers={"content-type": "application/merge-patch+json"}
            )
            response.raise_for_status()
            async with asyncio.timeout(MOST_SECONDS):
                while (status := (await client.post(url)).status_code) != wanted:
                    if status != other:
                        late[f"while it changed: {status}"] += 1
            took = time.monotonic() - began
            for _ in range(3):
                if (status := (await client.post(url)).status_code) != wanted:
                    late[f"after it changed to {limit}: {status}"] += 1
            return took

        await edit(EXHAUSTED)
        watching = asyncio.create_task(watch())
        for number in range(edits):
            seconds.append(await edit(EXHAUSTED if number % 2 else FREE))
            if watching.done():
                watching.result()
        watching.cancel()
    seconds.sort()
    result = {
        "edits": edits,
        "p50": round(seconds[edits // 2], 3),
        "p99": round(seconds[-(edits // 100) - 1], 3),
        "longest": round(seconds[-1], 3),
        "get": {str(status): number for status, number in sorted(watched.items())},
        "wrong": dict(late),
    }
    sys.stdout.write(json.dumps(result))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
