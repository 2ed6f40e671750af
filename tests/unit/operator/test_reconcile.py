"""What is written, when, and what then is not written again; the API server is the least that answers."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import yaml
from msgspec.structs import replace

from kuadrant.dialects import DIALECTS, Service
from kuadrant.dialects.kuadrant import render
from kuadrant.gateways.envoy import RATE_LIMIT_CLUSTER
from kuadrant.gateways.module import served_module
from kuadrant.kube.events import Recorder
from kuadrant.kube.kind import Deleted, Entry, Kind, Snapshot
from kuadrant.kube.store import Store
from kuadrant.kube.wire import ObjectReader
from kuadrant.operator import kinds, reconcile
from kuadrant.operator.decision import Known
from kuadrant.operator.delivery import Deliveries
from kuadrant.operator.metrics import Metrics
from kuadrant.operator.reconcile import Reconciler
from kuadrant.operator.work import Work
from tests.unit.operator.test_decision import CLASS, EXAMPLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import pytest

    from kuadrant.gateways.module import Module
    from kuadrant.operator.push import Push

PLUGIN = ("istio-system", "kuadrant-istio-ingressgateway")
LIMITADOR = ("kuadrant-system", "limitador")
POLICY = ("default", "toystore")
KUADRANT = ("kuadrant-system", "kuadrant")


class ApiServer:
    """Applies whole, counts what it was asked to write, and tells the store of it."""

    def __init__(self) -> None:
        self.store = Store()
        for kind in kinds.ALL:
            self.store.add(kind)
        self.documents: dict[tuple[str, tuple[str, str]], dict[str, Any]] = {}
        self.writes: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.refused: set[str] = set()
        self._version = 0
        for kind in kinds.ALL:
            self.store.receive(kind, [Snapshot("1", {}, {})])
        self._kinds = {kind.plural: kind for kind in kinds.ALL}

    def put(self, document: dict[str, Any]) -> None:
        """Store an object, as somebody else would."""
        kind = next(kind for kind in kinds.ALL if kind.name == document["kind"])
        metadata = document["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        self._version += 1
        metadata |= {"resourceVersion": str(self._version), "uid": metadata.get("uid", "1")}
        self.documents[kind.plural, key] = document
        self._tell(kind, key)

    def get(self, kind: Kind[Any], key: tuple[str, str]) -> dict[str, Any]:
        return self.documents[kind.plural, key]

    def delete(self, kind: Kind[Any], key: tuple[str, str]) -> None:
        self._version += 1
        del self.documents[kind.plural, key]
        self.store.receive(kind, [Deleted(key, str(self._version))])

    def _tell(self, kind: Kind[Any], key: tuple[str, str]) -> None:
        raw = msgspec.Raw(json.dumps(self.documents[kind.plural, key]).encode())
        entry = ObjectReader(kind, {}).read(raw)
        assert isinstance(entry, Entry), entry
        self.store.receive(kind, [entry])

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        parts = request.url.path.split("/")
        if "events" in parts:
            self.events.append(json.loads(request.content))
            return httpx2.Response(201, json={})
        plural, name, *status = parts[parts.index("namespaces") + 2 :]
        key = (parts[parts.index("namespaces") + 1], name)
        kind = self._kinds[plural]
        self.writes.append(f"{request.method} {kind.name}{' status' if status else ''}")
        if plural in self.refused:
            return httpx2.Response(500, json={"kind": "Status", "message": "no", "code": 500})
        if request.method == "DELETE":
            self.delete(kind, key)
            return httpx2.Response(200, json={})
        applied = json.loads(request.content)
        document = self.documents.get((plural, key)) or {"metadata": {}}
        if status:
            document = {**document, "status": {**document.get("status", {}), **applied["status"]}}
        else:
            generation = document["metadata"].get("generation", 0) + 1
            document = {**document, **applied, "metadata": {**applied["metadata"], "generation": generation}}
        if request.headers["content-type"] == "application/merge-patch+json":
            self.put({**document, "kind": kind.name})
            return httpx2.Response(200, json=self.documents[plural, key])
        fields = {"f:status": {}} if status else {"f:spec": {}, "f:metadata": _fields(applied["metadata"])}
        document["metadata"]["managedFields"] = [
            {
                "manager": kinds.MANAGER,
                "operation": "Apply",
                "fieldsV1": fields,
                **({"subresource": "status"} if status else {}),
            }
        ]
        self.put({**document, "kind": kind.name})
        return httpx2.Response(200, json=self.documents[plural, key])

    def hold(self) -> None:
        """Be the rate limit service that holds what the Limitador asks for."""
        document = self.get(kinds.LIMITADORS, LIMITADOR)
        status = {
            "observedGeneration": document["metadata"]["generation"],
            "conditions": [{"type": "Ready", "status": "True"}],
            "service": {"host": "limits.example", "ports": {"grpc": 8081, "http": 8080}},
        }
        self.put({**document, "status": status})


def _fields(metadata: dict[str, Any]) -> dict[str, Any]:
    return {f"f:{name}": {} for name in metadata if name not in {"name", "namespace"}}


class Run:
    """A reconciler at work on the example."""

    def __init__(
        self, api: ApiServer, client: httpx2.AsyncClient, push: Push | None, values: dict[str, Any]
    ) -> None:
        self.api = api
        known = Known(
            module=served_module("modules.example", 8082, "0" * 64),
            module_problem="",
            module_name="kuadrant-wasm-shim 1.2.3",
            dialect=DIALECTS["kuadrant-v1"],
            configure=partial(render, service=Service(RATE_LIMIT_CLUSTER)),
            configure_by_address=lambda hosts, address: render(hosts, Service(google_grpc=address.host)),
        )
        self.known = replace(known, **values)
        self.leads = True
        self.served = True
        self.proven: list[str] = []
        self.metrics = Metrics()
        self.metrics.watch_client(client)
        self.reconciler = Reconciler(
            api.store,
            client,
            Recorder("kuadrant.io/test", "test", client),
            self.metrics,
            known=lambda: self.known,
            leads=lambda: self.leads,
            prove=self._prove,
            deliveries=Deliveries(push),
        )

    async def _prove(self, module: Module) -> str:
        self.proven.append(module.url)
        return "" if self.served else "it answers 503"

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - there is nobody who could tell
                await asyncio.sleep(0.005)

    async def quiet(self) -> None:
        """Wait until nothing is to be done any more."""
        await self.until(lambda: self.reconciler.idle)

    def enforced(self) -> dict[str, Any] | None:
        conditions = self.api.get(kinds.POLICIES, POLICY).get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] == "Enforced"), None)

    def is_enforced(self) -> bool:
        return (self.enforced() or {}).get("status") == "True"

    def is_told(self) -> bool:
        """Whether the route and the Kuadrant have the statuses that they get when all is well."""
        route = self.api.get(kinds.HTTP_ROUTES, POLICY).get("status", {})
        kuadrant = self.api.get(kinds.KUADRANTS, KUADRANT).get("status", {})
        return bool(route.get("parents")) and any(
            one["status"] == "True" for one in kuadrant.get("conditions", ())
        )

    def edit(self, maximum: int) -> None:
        document = json.loads(json.dumps(self.api.get(kinds.POLICIES, POLICY)))
        (limit,) = document["spec"]["limits"].values()
        limit["rates"][0]["limit"] = maximum
        document["metadata"]["generation"] = document["metadata"].get("generation", 0) + 1
        self.api.put(document)

    def maximum(self) -> int:
        (limit,) = self.api.get(kinds.LIMITADORS, LIMITADOR)["spec"]["limits"]
        value: int = limit["max_value"]
        return value


@asynccontextmanager
async def running(class_: str = CLASS, *, pushed_by: Push | None = None, **values: Any) -> AsyncIterator[Run]:
    """Run on the example; ``values`` are of what is known beside the objects."""
    api = ApiServer()
    async with httpx2.AsyncClient(
        transport=httpx2.MockTransport(api.answer), base_url="http://api.example"
    ) as client:
        run = Run(api, client, pushed_by, values)
        texts = [class_, *(path.read_text() for path in sorted(EXAMPLE.glob("*.yaml")))]
        for document in (one for text in texts for one in yaml.safe_load_all(text)):
            if document["kind"] in {kind.name for kind in kinds.ALL}:
                if document["kind"] not in {"GatewayClass", "Namespace"}:
                    document["metadata"].setdefault("namespace", "default")
                api.put(document)
        task = asyncio.create_task(run.reconciler.run())
        try:
            yield run
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def enforcing() -> AsyncIterator[Run]:
    async with running() as run:
        await run.until(lambda: ("limitadors", LIMITADOR) in run.api.documents)
        run.api.hold()
        await run.until(lambda: run.is_enforced() and run.is_told() and bool(run.api.events))
        run.api.writes.clear()
        yield run


async def test_the_limits_are_written_first_and_the_rest_when_they_are_held() -> None:
    async with running() as run:
        await run.until(lambda: "PATCH Limitador" in run.api.writes)
        await run.quiet()
        assert "PATCH WasmPlugin" not in run.api.writes
        condition = run.enforced()
        assert condition is not None
        assert "[Limitador" in condition["message"]

        run.api.hold()
        await run.until(run.is_enforced)
        objects = [write for write in run.api.writes if "status" not in write]
        assert objects == ["PATCH Limitador", "PATCH EnvoyFilter", "PATCH WasmPlugin"]


async def test_when_everything_is_as_it_ought_to_be_nothing_is_written() -> None:
    async with enforcing() as run:
        run.reconciler.look()
        for kind, key in list(run.api.documents):
            run.api.put(run.api.documents[kind, key])
        await run.quiet()

        assert run.api.writes == []


async def test_a_new_limit_is_two_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit, and the status, which is said once: that it is not held for a moment is not worth a word or an Event."""
    monkeypatch.setattr(reconcile, "SETTLE", 3600.0)
    async with enforcing() as run:
        run.edit(7)
        await run.until(lambda: run.maximum() == 7)
        run.api.hold()
        generation = run.api.get(kinds.POLICIES, POLICY)["metadata"]["generation"]

        def observed() -> bool:
            status = run.api.get(kinds.POLICIES, POLICY)["status"]
            return bool(status["observedGeneration"] == generation)

        await run.until(observed)

        assert run.api.writes == ["PATCH Limitador", "PATCH RateLimitPolicy status"]
        assert run.is_enforced()
        assert len(run.api.events) == 1


async def test_what_is_not_held_is_said_if_it_lasts() -> None:
    async with enforcing() as run:
        run.edit(7)
        await run.until(lambda: not run.is_enforced())

        condition = run.enforced()
        assert condition is not None
        assert "[Limitador]" in condition["message"]
        await run.until(lambda: run.api.events[-1]["reason"] == "NotEnforced")


async def test_what_is_deleted_comes_back() -> None:
    async with enforcing() as run:
        before = run.api.get(kinds.OF_PROVIDERS["WasmPlugin"], PLUGIN)["spec"]
        run.api.delete(kinds.OF_PROVIDERS["WasmPlugin"], PLUGIN)
        await run.until(lambda: ("wasmplugins", PLUGIN) in run.api.documents)

        assert run.api.get(kinds.OF_PROVIDERS["WasmPlugin"], PLUGIN)["spec"] == before


async def test_what_is_no_longer_wanted_is_deleted_and_no_longer_told_of() -> None:
    async with enforcing() as run:
        run.api.delete(kinds.POLICIES, POLICY)
        await run.until(lambda: len(run.api.writes) == 3)

        assert sorted(run.api.writes) == ["DELETE EnvoyFilter", "DELETE WasmPlugin", "PATCH HTTPRoute status"]
        assert run.api.writes.index("DELETE WasmPlugin") < run.api.writes.index("DELETE EnvoyFilter")
        assert run.api.get(kinds.HTTP_ROUTES, POLICY)["status"]["parents"] == []


async def test_a_route_tells_what_affects_it_beside_what_its_gateway_s_controller_says() -> None:
    async with enforcing() as run:
        told = run.api.get(kinds.HTTP_ROUTES, POLICY)
        (parent,) = told["status"]["parents"]
        assert parent["controllerName"] == "kuadrant.io/policy-controller"
        assert parent["conditions"][0]["message"] == "Object affected by RateLimitPolicy [default/toystore]"

        theirs = {
            "parentRef": {"name": "istio-ingressgateway"},
            "controllerName": "istio.io/gateway-controller",
        }
        run.api.put({**told, "status": {"parents": [theirs]}})
        await run.until(lambda: "PATCH HTTPRoute status" in run.api.writes)
        first, second = run.api.get(kinds.HTTP_ROUTES, POLICY)["status"]["parents"]
        assert first == theirs
        assert second["conditions"][0]["message"] == parent["conditions"][0]["message"]


async def test_who_undoes_it_again_and_again_is_not_answered_at_full_speed() -> None:
    async with enforcing() as run:
        for _ in range(20):
            told = run.api.get(kinds.HTTP_ROUTES, POLICY)
            run.api.put({**told, "status": {"parents": []}})
            await asyncio.sleep(0.02)

        assert 3 <= len(run.api.writes) <= 5


async def test_an_event_tells_that_a_policy_is_enforced() -> None:
    async with enforcing() as run:
        assert [(one["type"], one["reason"]) for one in run.api.events] == [("Normal", "Enforced")]
        assert run.api.events[0]["regarding"]["name"] == "toystore"


async def test_metrics_tell_what_was_done_and_how_policies_stand() -> None:
    async with enforcing() as run:

        def value(name: str, /, **labels: str) -> float | None:
            return run.metrics.registry.get_sample_value(name, labels)

        assert value("kuadrant_gateways", provider="Istio") == 1
        enforced = {"condition": "Enforced", "status": "True", "reason": "Enforced"}
        assert value("kuadrant_policies", **enforced) == 1
        assert value("controller_runtime_reconcile_total", controller="gateway", result="success") == 1
        assert value("workqueue_depth", name="objects", controller="objects") == 0
        assert (value("kuadrant_compile_seconds_count") or 0) > 1
        assert value("rest_client_requests_total", code="200", method="PATCH", host="api.example") == 6

        run.api.refused.add("wasmplugins")
        run.api.delete(kinds.OF_PROVIDERS["WasmPlugin"], PLUGIN)
        await run.until(
            lambda: bool(value("controller_runtime_reconcile_errors_total", controller="gateway"))
        )
        assert value("workqueue_retries_total", name="objects", controller="objects")


async def test_of_an_edit_that_was_not_decided_on_yet_nothing_is_said() -> None:
    """A status that is due to be written is about the generation from before."""
    async with enforcing() as run:
        run.edit(7)
        generation = run.api.get(kinds.POLICIES, POLICY)["metadata"]["generation"]
        await run.reconciler._perform(Work("policy", POLICY))
        condition = run.enforced()
        assert condition is not None
        assert condition["observedGeneration"] < generation

        await run.until(lambda: run.maximum() == 7)
        run.api.hold()
        await run.until(lambda: (run.enforced() or {}).get("observedGeneration") == generation)
        assert run.is_enforced()
