"""Two hundred policies of one gateway, edited without a pause; prints what became of the edits as JSON.

Runs inside the lab.

``python -m tests.lab.steady URL NAMESPACE GATEWAY RATE SECONDS``: routes and policies are made in the
namespace ``steady``, and RATE times a second one of them gets its limit under another name: a limit of none a
day, or of a million. Some edits are followed: how long it takes until requests to that route meet the new
limit.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx2

from kuadrant.kube.client import find_access
from tests.lab.steps import Steps, summary

if TYPE_CHECKING:
    from collections.abc import Iterable

POLICIES = 200
FOLLOWED = 4
"""So many edits are followed at a time; their policies are not edited meanwhile."""
MOST_SECONDS = 20.0
MOST_UNDER_WAY = 40
"""So many edits may be under way, so that a slow API server is asked by no more than that."""
LOOK_SECONDS = 0.02
"""Between two requests of one that is followed.

Asking without a pause would take a core from what is measured.
"""
SHUT, OPEN = 0, 1_000_000


def host(number: int) -> str:
    return f"steady-{number}.example"


def route(number: int, gateway: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": f"r{number}", "namespace": "steady"},
        "spec": {
            "parentRefs": [gateway],
            "hostnames": [host(number)],
            "rules": [{"backendRefs": [{"name": "toystore", "namespace": "default", "port": 80}]}],
        },
    }


def policy(number: int, limit: dict[str, Any]) -> dict[str, Any]:
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": f"r{number}"}
    return {
        "apiVersion": "kuadrant.io/v1",
        "kind": "RateLimitPolicy",
        "metadata": {"name": f"r{number}", "namespace": "steady"},
        "spec": {"targetRef": target, "limits": limit},
    }


def limits(edit: int, maximum: int) -> dict[str, Any]:
    return {f"l{edit}": {"rates": [{"limit": maximum, "window": "24h"}]}}


class Steady:
    """The policies and what was done to them."""

    def __init__(self, api: httpx2.AsyncClient, client: httpx2.AsyncClient, url: str) -> None:
        self._api = api
        self._client = client
        self._url = url
        self._edits = 0
        self._is_shut: Counter[int] = Counter()
        self.busy: set[int] = set()
        self.steps = Steps(api)
        self.following = 0
        self.took: list[float] = []
        self.wrong: Counter[str] = Counter()

    async def make(self, gateway: dict[str, str]) -> None:
        # What was there before is being deleted for a while, and takes nothing new meanwhile.
        while (await self._api.get("/api/v1/namespaces/steady")).status_code != 404:  # noqa: ASYNC110 - it is asked of the API server
            await asyncio.sleep(0.2)
        await self._create("/api/v1/namespaces", {"metadata": {"name": "steady"}})
        grant = {
            "apiVersion": "gateway.networking.k8s.io/v1beta1",
            "kind": "ReferenceGrant",
            "metadata": {"name": "steady", "namespace": "default"},
            "spec": {
                "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "steady"}],
                "to": [{"group": "", "kind": "Service"}],
            },
        }
        await self._create(
            "/apis/gateway.networking.k8s.io/v1beta1/namespaces/default/referencegrants", grant
        )
        for number in range(POLICIES):
            await self._create(
                "/apis/gateway.networking.k8s.io/v1/namespaces/steady/httproutes", route(number, gateway)
            )
            await self._create(
                "/apis/kuadrant.io/v1/namespaces/steady/ratelimitpolicies", policy(number, limits(0, OPEN))
            )

    async def remove(self) -> None:
        await self._api.delete("/api/v1/namespaces/steady")
        await self._api.delete(
            "/apis/gateway.networking.k8s.io/v1beta1/namespaces/default/referencegrants/steady"
        )

    async def _create(self, path: str, document: dict[str, Any]) -> None:
        answer = await self._api.post(path, json=document)
        if answer.status_code != 409:
            answer.raise_for_status()

    async def edit(self, number: int) -> int:
        """Give a policy the other limit under another name; returns the status that requests are to meet."""
        self._edits += 1
        shut = not self._is_shut[number]
        self._is_shut[number] = int(shut)
        change = [
            {"op": "replace", "path": "/spec/limits", "value": limits(self._edits, SHUT if shut else OPEN)}
        ]
        answer = await self._api.patch(
            f"/apis/kuadrant.io/v1/namespaces/steady/ratelimitpolicies/r{number}",
            content=json.dumps(change),
            headers={"content-type": "application/json-patch+json"},
        )
        answer.raise_for_status()
        return 429 if shut else 200

    async def status(self, number: int) -> int:
        return (await self._client.get(self._url, headers={"host": host(number)})).status_code

    async def meets(self, number: int, wanted: int) -> bool:
        """Wait until requests of a route meet a status; whether they do so in time."""
        deadline = time.monotonic() + MOST_SECONDS
        while (status := await self.status(number)) != wanted:
            if status not in (200, 429):
                self.wrong[f"{status}"] += 1
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def follow(self, number: int) -> None:
        """Edit a policy and see when it holds."""
        self.busy.add(number)
        self.following += 1
        began = time.monotonic()
        name = f"l{self._edits + 1}"
        self.steps.begin(name, began)
        wanted = await self.edit(number)
        self.steps.note(name, "edited")
        if not await self.meets(number, wanted):
            self.wrong["not in force in time"] += 1
        self.steps.note(name, "met")
        self.took.append(time.monotonic() - began)
        self.following -= 1
        self.busy.discard(number)

    async def edit_alone(self, number: int) -> None:
        """Edit a policy that nobody follows, once at a time."""
        self.busy.add(number)
        await self.edit(number)
        self.busy.discard(number)


async def generations(api: httpx2.AsyncClient, paths: Iterable[str]) -> int:
    """How often the gateway's objects were written since they were made."""
    total = 0
    for path in paths:
        answer = await api.get(path)
        if answer.status_code == 200:
            total += sum(one["metadata"]["generation"] for one in answer.json()["items"])
    return total


async def main(url: str, namespace: str, gateway: str, rate: float, seconds: float) -> None:
    objects = [
        f"/apis/extensions.istio.io/v1alpha1/namespaces/{namespace}/wasmplugins",
        f"/apis/gateway.envoyproxy.io/v1alpha1/namespaces/{namespace}/envoyextensionpolicies",
    ]
    async with (
        find_access().connect() as api,
        httpx2.AsyncClient(trust_env=False, timeout=10) as client,
    ):
        steady = Steady(api, client, url)
        watching = asyncio.create_task(steady.steps.run())
        try:
            await steady.make({"name": gateway, "namespace": namespace})
            for number in range(POLICIES):
                assert await steady.meets(number, 200)
            # Until a provider has a route, its requests meet none.
            steady.wrong.clear()
            before, began = await generations(api, objects), time.monotonic()
            chosen = random.Random(7)
            under_way: set[asyncio.Task[None]] = set()
            edits = 0
            while time.monotonic() - began < seconds:
                number = chosen.randrange(POLICIES)
                if number in steady.busy:
                    continue
                is_followed = steady.following < FOLLOWED
                under_way.add(
                    asyncio.create_task(steady.follow(number) if is_followed else steady.edit_alone(number))
                )
                edits += 1
                await asyncio.sleep(max(0.0, began + edits / rate - time.monotonic()))
                while len(under_way) > MOST_UNDER_WAY:
                    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                    under_way = {one for one in under_way if not one.done() or one.result()}
                under_way = {one for one in under_way if not one.done() or one.result()}
            took = time.monotonic() - began
            await asyncio.gather(*under_way)
            written = await generations(api, objects) - before
        finally:
            watching.cancel()
            await steady.remove()
    times = sorted(steady.took)
    result = {
        "edits": edits,
        "edits a second": round(edits / took, 1),
        "objects written a second": round(written / took, 2),
        "followed": len(times),
        "p50": round(times[len(times) // 2], 3),
        "p99": round(times[-(len(times) // 100) - 1], 3),
        "longest": round(times[-1], 3),
        "within 2 s": round(sum(one <= 2.0 for one in times) / len(times), 3),
        "wrong": dict(steady.wrong),
        **summary(steady.steps.followed),
    }
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    URL, NAMESPACE, GATEWAY, RATE, SECONDS = sys.argv[1:]
    asyncio.run(main(URL, NAMESPACE, GATEWAY, float(RATE), float(SECONDS)))
