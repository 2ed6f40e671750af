"""An honest and a hostile tenant while everything is attacked, and the honest one afterwards.

Prints what he met as JSON.

``python -m tests.lab.besieged URL NAMESPACE GATEWAY SECONDS REST``: for SECONDS, in slices that each have a
user with a limit of his own; then once more when REST seconds have passed. Runs inside the lab.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

import httpx2

from tests import tenants
from tests.lab.tenancy import Cluster, path_of, tenants_in
from tests.tenants import DEAR, HONEST, HOSTILE
from tests.two_tenants import HOSTILE_CLIENTS, Phase

SLICE_SECONDS = 20.0


async def conditions(api: httpx2.AsyncClient) -> dict[str, str]:
    """What is said of the honest tenant's policies."""
    found = {}
    for one in tenants.honest():
        told = (
            (await api.get(path_of(one)))
            .json()
            .get("status", {})
            .get("conditions", [{"type": "?", "status": "Unknown"}])
        )
        for condition in told:
            if condition["type"] not in ("Accepted", "Enforced", "?"):
                continue
            found[f"{one['metadata']['name']} {condition['type']}"] = condition["status"]
    return found


async def all_true(api: httpx2.AsyncClient) -> dict[str, str]:
    """What is said of the honest tenant's policies once nothing more is on its way."""
    found = await conditions(api)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60):
            while set(found.values()) != {"True"}:
                await asyncio.sleep(0.2)
                found = await conditions(api)
    return found


async def attacked(cluster: Cluster, api: httpx2.AsyncClient, seconds: float, rest: float) -> dict[str, Any]:
    """What the honest tenant meets, by the name of the part."""
    routes = [
        tenants.route(namespace, name, cluster.gateway, cluster.backend)
        for namespace, names in ((HONEST, ("counted", "edited")), (HOSTILE, DEAR))
        for name in names
    ]
    parts: dict[str, Any] = {}
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        await cluster.put([*routes, *tenants.honest(), *tenants.hostile()])
        at_first = Phase(cluster, client, "at first")
        assert await at_first.meets("counted", 429, at_first=True)
        assert await at_first.meets("edited", 200, at_first=True)
        before = await all_true(api)
        slices = max(1, round(seconds / SLICE_SECONDS))
        for number in range(slices):
            part = Phase(cluster, client, f"slice {number}")
            parts[f"slice {number}"] = await part.run(seconds / slices, HOSTILE_CLIENTS, edits=True)
        await asyncio.sleep(rest)
        parts["afterwards"] = await Phase(cluster, client, "afterwards").run(5, None, edits=False)
        return {"parts": parts, "conditions": [before, await all_true(api)]}


async def main(url: str, namespace: str, gateway: str, seconds: str, rest: str) -> None:
    async with tenants_in(url, namespace, gateway) as cluster:
        sys.stdout.write(json.dumps(await attacked(cluster, cluster.api, float(seconds), float(rest))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
