"""The rate limit service on a real API server, with the definition and the rights that ``config/ratelimit`` gives it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kuadrant.ratelimit_follower.process import Process
from kuadrant.settings import RatelimitSettings

from ..kube.conftest import NOBODY, TOKEN, Cluster, _free_port, access  # noqa: TID252 - tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import httpx2

CONFIG = Path(__file__).parents[3] / "config" / "ratelimit"
NAMESPACE = "kuadrant-system"
NAMESPACED = f"namespaces/{NAMESPACE}"
OBJECT = f"/apis/limitador.kuadrant.io/v1alpha1/{NAMESPACED}/limitadors/limitador"
PATHS = {
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "Role": f"/apis/rbac.authorization.k8s.io/v1/{NAMESPACED}/roles",
    "RoleBinding": f"/apis/rbac.authorization.k8s.io/v1/{NAMESPACED}/rolebindings",
}


class Api:
    """The API server as its administrator uses it."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def apply(self, path: str, content: dict[str, Any], manager: str = "test") -> int:
        response = await self._client.patch(
            path,
            params={"fieldManager": manager, "force": "true"},
            json=content,
            headers={"content-type": "application/apply-patch+yaml"},
        )
        return response.status_code

    async def install(self, user: str) -> None:
        """Apply the definition and the rights, and give these to a user."""
        await self._client.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}})
        for file in ("limitadors.yaml", "role.yaml"):
            for content in yaml.safe_load_all((CONFIG / file).read_text()):
                if content["kind"] not in PATHS:
                    continue
                if content["kind"] == "RoleBinding":
                    content["subjects"] = [
                        {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
                    ]
                path = f"{PATHS[content['kind']]}/{content['metadata']['name']}"
                assert await self.apply(path, content) in {200, 201}

    async def put(self, *limits: dict[str, Any]) -> None:
        content = {
            "apiVersion": "limitador.kuadrant.io/v1alpha1",
            "kind": "Limitador",
            "metadata": {"name": "limitador", "namespace": NAMESPACE},
            "spec": {"limits": list(limits)},
        }

        async def is_put() -> bool:
            # The definition may have been made a moment ago.
            return await self.apply(OBJECT, content) in {200, 201}

        await until(is_put)

    async def get(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self._client.get(OBJECT)).json()
        return found

    async def until_said(self, ready: str, observed: int, about: int) -> dict[str, Any]:
        async def is_said() -> bool:
            status = (await self.get()).get("status", {})
            condition = status.get("conditions", [{}])[0]
            said = (
                condition.get("status"),
                status.get("observedGeneration"),
                condition.get("observedGeneration"),
            )
            return said == (ready, observed, about)

        await until(is_said)
        return await self.get()


async def until(condition: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 - it is asked of the API server
            await asyncio.sleep(0.01)


def limit(most: int, condition: str = 'descriptors[0]["a"] == "1"') -> dict[str, Any]:
    return {"namespace": "n", "max_value": most, "seconds": 60, "conditions": [condition], "variables": []}


async def test_two_replicas_with_the_least_rights_follow_and_say_what_is_held(cluster: Cluster) -> None:
    writes = 0

    async def count(request: httpx2.Request) -> None:
        nonlocal writes
        writes += request.method == "PATCH"

    async with AsyncExitStack() as stack:
        api = Api(await stack.enter_async_context(access(cluster.url, TOKEN).connect(timeout=60)))
        await api.install("nobody")
        client = await stack.enter_async_context(access(cluster.url, NOBODY).connect())
        client.event_hooks["request"].append(count)
        stop = asyncio.Event()
        port, operations_port = _free_port(), _free_port()
        replicas = [
            Process(
                RatelimitSettings(address=address, port=port, operations_port=operations_port),
                NAMESPACE,
                client,
            )
            for address in ("127.0.0.1", "127.0.0.2")
        ]
        tasks = [asyncio.create_task(replica.run(stop)) for replica in replicas]
        try:
            await api.put(limit(1))
            said = await api.until_said("True", observed=1, about=1)
            assert said["status"]["service"] == {
                "host": f"limitador-limitador.{NAMESPACE}.svc.cluster.local",
                "ports": {"grpc": port, "http": operations_port},
            }
            await api.put(limit(2))
            await api.until_said("True", observed=2, about=2)
            await api.put(limit(2, "descriptors["))
            await api.until_said("False", observed=2, about=3)
            await api.put(limit(3))
            said = await api.until_said("True", observed=4, about=4)
            for replica in replicas:
                await until(lambda replica=replica: _has(replica, 4))  # type: ignore[misc]
            # Somebody else's labels are no reason to write.
            before, version = writes, said["metadata"]["resourceVersion"]
            label = {**{key: said[key] for key in ("apiVersion", "kind")}, "metadata": {"labels": {"a": "b"}}}
            assert await api.apply(OBJECT, label, "other") == 200
            changed = (await api.get())["metadata"]["resourceVersion"]
            assert changed != version
            for replica in replicas:
                await until(lambda replica=replica: _heard(replica, changed))  # type: ignore[misc]
        finally:
            stop.set()
            await asyncio.gather(*tasks)
        assert writes == before
        # At most both for each of the four generations, of which one is refused.
        assert 4 <= writes <= 8


async def _has(replica: Process, generation: int) -> bool:
    return replica._holder.generation == generation


async def _heard(replica: Process, version: str) -> bool:
    return replica._table.resource_version == version
