"""The rate limit service on a real API server.

It has the definition and the rights that ``config/ratelimit`` gives it.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import msgspec
import pytest
import yaml

from kuadrant.api.limitador import Limitador
from kuadrant.envoy_api import message
from kuadrant.ratelimit.service import SERVICE
from kuadrant.ratelimit_follower.process import Process
from kuadrant.settings import RatelimitSettings
from tests.ports import free_port

from ..kube.conftest import NOBODY, TOKEN, Cluster, access  # noqa: TID252 - tests are no package

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import httpx2

    from ..ratelimit.conftest import RedisServer  # noqa: TID252

REQUEST: Any = message("envoy.service.ratelimit.v3.RateLimitRequest")
RESPONSE: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")
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
        """Apply the definition and the rights, give these to a user, and have no resource yet.

        One that a test before had made would be followed by the next until it puts its own.
        """
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
        await self.remove()

    async def take_fields_away(self) -> None:
        """Have the status of the kind the fields that every release of it has."""
        path = f"{PATHS['CustomResourceDefinition']}/limitadors.limitador.kuadrant.io"
        content = (await self._client.get(path)).json()
        schema = content["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
        del schema["x-kubernetes-preserve-unknown-fields"]
        for name in ("reads", "leftOut", "askedInVain"):
            del schema["properties"][name]
        assert (await self._client.put(path, json=content)).status_code == 200

    async def put_secret(self, data: dict[str, str] | None, name: str = "redis-config") -> None:
        """Have a Secret with these texts, or none."""
        path = f"/api/v1/{NAMESPACED}/secrets/{name}"
        if data is None:
            assert (await self._client.delete(path)).status_code in {200, 404}
            return
        content = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
        assert await self.apply(path, content) in {200, 201}

    async def message(self) -> str:
        """What the condition says."""
        conditions = (await self.get()).get("status", {}).get("conditions", [{}])
        return str(conditions[0].get("message", ""))

    async def put(self, *limits: dict[str, Any], **spec: Any) -> None:
        content = {
            "apiVersion": "limitador.kuadrant.io/v1alpha1",
            "kind": "Limitador",
            "metadata": {"name": "limitador", "namespace": NAMESPACE},
            "spec": {"limits": list(limits), **spec},
        }

        async def is_put() -> bool:
            # The definition may have been made a moment ago.
            return await self.apply(OBJECT, content) in {200, 201}

        await until(is_put)

    async def remove(self) -> None:
        """Have no such resource: what was said of one before says nothing of the next."""

        async def is_gone() -> bool:
            return (await self._client.delete(OBJECT)).status_code == 404

        await until(is_gone)

    async def get(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self._client.get(OBJECT)).json()
        return found

    async def until_said(self, ready: str, observed: int, about: int, kind: str = "Ready") -> dict[str, Any]:
        async def is_said() -> bool:
            status = (await self.get()).get("status", {})
            conditions = {condition["type"]: condition for condition in status.get("conditions", [])}
            condition = conditions.get(kind, {})
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
        port, operations_port = free_port(), free_port()
        replicas = [
            Process(
                RatelimitSettings(
                    address=address, port=port, operations_port=operations_port, counters_port=0
                ),
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
            await api.until_said("False", observed=3, about=3, kind="kuadrant.io/LimitsValid")
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


@pytest.mark.parametrize("ours", [True, False], ids=["our definition", "one without fields of ours"])
async def test_what_is_not_held_is_named_where_the_definition_has_room_for_it(
    cluster: Cluster, ours: bool
) -> None:
    async with AsyncExitStack() as stack:
        api = Api(await stack.enter_async_context(access(cluster.url, TOKEN).connect(timeout=60)))
        await api.install("nobody")
        if not ours:
            await api.take_fields_away()
        client = await stack.enter_async_context(access(cluster.url, NOBODY).connect())
        stop = asyncio.Event()
        replica = _replica(client, "127.0.0.1")
        task = asyncio.create_task(replica.run(stop))
        key = "limit.a__00000000"
        try:
            await api.put(limit(1), limit(2, f'descriptors[0]["{key}"] =='))
            generation = (await api.get())["metadata"]["generation"]
            said = await api.until_said("False", generation, generation, "kuadrant.io/LimitsValid")
            status = msgspec.json.decode(msgspec.json.encode(said), type=Limitador).status
            if ours:
                assert [(one.namespace, one.key) for one in status.left_out or ()] == [("n", key)]
                assert status.asked_in_vain == ()
            else:
                assert status.left_out is status.asked_in_vain is None
                assert said["status"]["service"]["ports"]["grpc"] == replica._server.port
        finally:
            stop.set()
            await task
            await api.install("nobody")


async def _has(replica: Process, generation: int) -> bool:
    return replica._holder.generation == generation


async def _heard(replica: Process, version: str) -> bool:
    return replica._table.resource_version == version


STORAGE = {"redis": {"configSecretRef": {"name": "redis-config"}}}


async def test_two_replicas_count_together_in_the_store_that_the_resource_names(
    cluster: Cluster, redis: RedisServer
) -> None:
    async with AsyncExitStack() as stack:
        api = Api(await stack.enter_async_context(access(cluster.url, TOKEN).connect(timeout=60)))
        await api.install("nobody")
        await api.put_secret(None)
        client = await stack.enter_async_context(access(cluster.url, NOBODY).connect())
        stop = asyncio.Event()
        replicas = [_replica(client, address) for address in ("127.0.0.1", "127.0.0.2")]
        tasks = [asyncio.create_task(replica.run(stop)) for replica in replicas]
        try:
            await api.put(limit(3), storage=STORAGE)
            await _until_said(api, "the Secret kuadrant-system/redis-config: does not exist")
            assert all(replica._holder.generation is None for replica in replicas)
            await api.put_secret({"URL": "redis://127.0.0.1:1"})
            await _until_said(api, "the store of the counters: ")
            await api.put_secret({"URL": redis.url})
            await _until_said(api, "1 limits are held, counted in the store of the Secret redis-config")
            for replica in replicas:
                await until(lambda replica=replica: _counts_in_a_store(replica))  # type: ignore[misc]
            assert [await _ask(replica) for replica in replicas * 2] == ["OK", "OK", "OK", "OVER_LIMIT"]
            # Without the store nothing is let through, and nothing is said to be wrong with the limits.
            redis.stop()
            assert [await _ask(replica) for replica in replicas] == ["UNAVAILABLE"] * 2
            # In memory each has its own count.
            await api.put(limit(3))
            await _until_said(api, "1 limits are held")
            for replica in replicas:
                await until(lambda replica=replica: _counts_in_memory(replica))  # type: ignore[misc]
            assert [await _ask(replica) for replica in replicas] == ["OK"] * 2
        finally:
            stop.set()
            await asyncio.gather(*tasks)


def _replica(client: httpx2.AsyncClient, address: str) -> Process:
    settings = RatelimitSettings(
        address=address, port=free_port(), operations_port=free_port(), counters_port=0
    )
    return Process(settings, NAMESPACE, client)


async def _until_said(api: Api, text: str) -> None:
    async def is_said() -> bool:
        return text in await api.message()

    await until(is_said)


async def _counts_in_a_store(replica: Process) -> bool:
    return replica._service.store is not None and replica._serving


async def _counts_in_memory(replica: Process) -> bool:
    return replica._service.store is None


async def _ask(replica: Process) -> str:
    """What one call is answered, or the code that it fails with."""
    request = REQUEST(domain="n", descriptors=[{"entries": [{"key": "a", "value": "1"}]}])
    async with grpc.aio.insecure_channel(f"{replica._server.host}:{replica._server.port}") as channel:
        try:
            answer = await channel.unary_unary(f"/{SERVICE}/ShouldRateLimit")(request.SerializeToString())
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
    return str(RESPONSE.Code.Name(RESPONSE.FromString(answer).overall_code))
