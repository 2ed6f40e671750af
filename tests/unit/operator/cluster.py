"""A reconciler at work on the example, with the least API server that answers."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import yaml

from kuadrant.kube.api_answers import ObjectReader
from kuadrant.kube.events import Recorder
from kuadrant.kube.kind import Deleted, Kind, Listing, StoredObject
from kuadrant.kube.store import Store
from kuadrant.operator.core import kinds
from kuadrant.operator.metrics import Metrics
from kuadrant.operator.push.decision_delivery import Delivery
from kuadrant.operator.reconcile.reconciler import Reconciler
from kuadrant.standalone import folder_files
from tests.unit.operator.example import CLASS, EXAMPLE
from tests.unit.operator.known import BY_ADDRESS, known, module

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kuadrant.gateways.module_address import ModuleAddress
    from kuadrant.operator.push.server import Push
    from kuadrant.operator.reconcile.queue_keys import Work

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
            self.store.receive(kind, [Listing("1", {}, {})])
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
        assert isinstance(entry, StoredObject), entry
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
            kept = {name: value for name, value in document["metadata"].items() if name.endswith("Timestamp")}
            metadata = {**kept, **applied["metadata"], "generation": generation}
            document = {**document, **applied, "metadata": metadata}
            if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
                self.delete(kind, key)
                return httpx2.Response(200, json=document)
        if request.headers["content-type"] == "application/merge-patch+json":
            self.put({**document, "kind": kind.name})
            return httpx2.Response(200, json=self.documents[plural, key])
        former = (self.documents.get((plural, key)) or {"metadata": {}})["metadata"].get("managedFields", [])
        document["metadata"]["managedFields"] = [
            *(one for one in former if one.get("subresource", "") != ("status" if status else "")),
            {
                "manager": kinds.MANAGER,
                "operation": "Apply",
                "fieldsV1": {"f:status": {}}
                if status
                else {
                    "f:metadata": _fields(applied["metadata"]),
                    **({"f:spec": {}} if "spec" in applied else {}),
                },
                **({"subresource": "status"} if status else {}),
            },
        ]
        self.put({**document, "kind": kind.name})
        return httpx2.Response(200, json=self.documents[plural, key])

    def hold(self, **said: Any) -> None:
        """Be the rate limit service that holds what the Limitador asks for, and says this besides."""
        document = self.get(kinds.LIMITADORS, LIMITADOR)
        status = {
            "observedGeneration": document["metadata"]["generation"],
            "conditions": [{"type": "Ready", "status": "True"}],
            "service": {"host": "limits.example", "ports": {"grpc": 8081, "http": 8080}},
            **said,
        }
        self.put({**document, "status": status})


def _fields(metadata: dict[str, Any]) -> dict[str, Any]:
    return {f"f:{name}": {} for name in metadata if name not in {"name", "namespace", "uid"}}


class Run:
    """A reconciler at work on the example."""

    def __init__(
        self, api: ApiServer, client: httpx2.AsyncClient, push: Push | None, values: dict[str, Any]
    ) -> None:
        self.api = api
        self.known = known(**{"module": module(rendering=BY_ADDRESS), **values})
        self.leads = True
        self.works_since: float | None = 0.0
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
            works_since=lambda _: self.works_since,
            deliveries=Delivery(push),
        )

    async def _prove(self, module: ModuleAddress) -> str:
        self.proven.append(module.url)
        return "" if self.served else "it answers 503"

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(200):
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

    def resting(self) -> dict[Work, float]:
        """What is to be done later."""
        return self.reconciler._queues.objects._queue._resting

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
        texts = [class_, *(file.text for file in folder_files.read(EXAMPLE))]
        for document in (one for text in texts for one in yaml.safe_load_all(text)):
            if document["kind"] in {kind.name for kind in kinds.ALL}:
                if document["kind"] not in {"GatewayClass", "Namespace"}:
                    document["metadata"].setdefault("namespace", "default")
                api.put(document)
        async with working(run):
            yield run


@asynccontextmanager
async def working(run: Run) -> AsyncIterator[None]:
    """Have it work as long as the context lasts."""
    task = asyncio.create_task(run.reconciler.run())
    try:
        yield
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
