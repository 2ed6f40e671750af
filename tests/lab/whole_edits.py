"""Edit windows, counters and rates of a policy under load; prints what came of it as JSON.

Runs inside the lab.

``python -m tests.lab.whole_edits URL EDITS``: GET has a limit that is shut (none is admitted) and open (a
million are) in turn, each time with another window, other counters or another number of rates, so an answer
tells which edit it is by. POST has limits that are all shut: an answer to POST other than 429 is one that was
not limited.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from typing import Any

import httpx2

from kuadrant.kube.client import find_access

PATH = "/apis/kuadrant.io/v1/namespaces/default/ratelimitpolicies/toystore"
SHUT, OPEN = 0, 1_000_000
ASKED_AFTERWARDS = 5
MOST_SECONDS = 120
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 60
"""A busy machine may be late with any answer; what is asked is which one it is."""


def limit(chosen: random.Random, maximum: int, method: str) -> dict[str, Any]:
    """A limit of a method that admits so many, but for that never the same twice in a row."""
    counters = chosen.choice(([], ["request.method"], ["request.path"], ["request.method", "request.host"]))
    return {
        "rates": [
            {"limit": maximum, "window": f"{minutes}m"}
            for minutes in chosen.sample(range(60, 600), chosen.choice((1, 2, 3)))
        ],
        "counters": [{"expression": one} for one in counters],
        "when": [{"predicate": f"request.method == '{method}'"}],
    }


class Edits:
    """What was asked and answered."""

    def __init__(self, api: httpx2.AsyncClient, url: str) -> None:
        self._api = api
        self._url = url
        self.took: list[float] = []
        self.wrong: Counter[str] = Counter()
        self.watched: Counter[int] = Counter()

    async def status(self, client: httpx2.AsyncClient, method: str = "GET") -> int:
        return (await client.request(method, self._url, headers={"host": "api.toystore.com"})).status_code

    async def watch(self) -> None:
        async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            while True:
                self.watched[await self.status(client, "POST")] += 1
                await asyncio.sleep(0.002)

    async def edit(self, chosen: random.Random, maximum: int) -> None:
        """Edit both limits; once the policy is enforced, every request has to meet the new one."""
        began = time.monotonic()
        limits = {"get": limit(chosen, maximum, "GET"), "post": limit(chosen, SHUT, "POST")}
        change = [{"op": "replace", "path": "/spec/limits", "value": limits}]
        answer = await self._api.patch(
            PATH, content=json.dumps(change), headers={"content-type": "application/json-patch+json"}
        )
        answer.raise_for_status()
        generation = answer.json()["metadata"]["generation"]
        async with asyncio.timeout(MOST_SECONDS):
            while not is_enforced((await self._api.get(PATH)).json(), generation):  # noqa: ASYNC110 - the API server is asked
                await asyncio.sleep(LOOK_SECONDS)
        self.took.append(time.monotonic() - began)
        wanted = 429 if maximum == SHUT else 200
        for _ in range(ASKED_AFTERWARDS):
            async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
                status = await self.status(client)
            if status != wanted:
                self.wrong[f"{status} after {wanted} was enforced"] += 1


def is_enforced(policy: dict[str, Any], generation: int) -> bool:
    """Whether the policy is said to be enforced as of that generation."""
    return any(
        one["type"] == "Enforced" and one["status"] == "True" and one["observedGeneration"] == generation
        for one in policy["status"].get("conditions", ())
    )


async def main(url: str, edits: int) -> None:
    chosen = random.Random(7)
    async with find_access().connect() as api:
        made = Edits(api, url)
        await made.edit(chosen, SHUT)
        watching = asyncio.create_task(made.watch())
        try:
            for number in range(edits):
                await made.edit(chosen, SHUT if number % 2 else OPEN)
                if watching.done():
                    watching.result()
        finally:
            watching.cancel()
            tell(made)


def tell(made: Edits) -> None:
    """Print what was seen, also if it came to an end before its time."""
    took = sorted(made.took)
    result = {
        "edits": len(took) - 1,
        "p50": round(took[len(took) // 2], 3),
        "longest": round(took[-1], 3),
        "always limited": {str(status): number for status, number in sorted(made.watched.items())},
        "wrong": dict(made.wrong),
    }
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
