"""A process that follows, and the API server that it follows: one Limitador over real sockets."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from kuadrant.api.caller_token import ANNOTATION, HEADER, SECRET, fingerprint
from kuadrant.envoy_api import message
from kuadrant.kube import reflector, reflector_backoff
from kuadrant.ratelimit.service import SERVICE
from kuadrant.ratelimit_follower import process as processes
from kuadrant.ratelimit_follower.process import Process
from kuadrant.settings import RatelimitSettings
from tests.ports import free_port

from ..kube.http_server import Request, Response, serve  # noqa: TID252 - tests are no package
from ..kube.scripted import bookmark, event, status  # noqa: TID252

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRETS = "/api/v1/namespaces/ns/secrets"
COLLECTION = "/apis/limitador.kuadrant.io/v1alpha1/namespaces/ns/limitadors"
MANAGER = "kuadrant-ratelimit"
REQUEST: Any = message("envoy.service.ratelimit.v3.RateLimitRequest")
RESPONSE: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")


def limit(most: int, condition: str = 'descriptors[0]["a"] == "1"') -> dict[str, Any]:
    return {
        "namespace": "n",
        "max_value": most,
        "seconds": 3600,
        "conditions": [condition],
        "variables": ['descriptors[0]["user"]'],
    }


def ours(most: int, key: str, *, broken: bool = False) -> dict[str, Any]:
    """A limit as the operator writes it, for the namespace ``n``."""
    conditions = [f'descriptors[0]["{key}"] == "1"', *(["("] if broken else [])]
    return {"namespace": "n", "max_value": most, "seconds": 3600, "conditions": conditions, "variables": []}


class Api:
    """Serves the Limitador ``ns/limitador`` and the Secret with the keys.

    ``writes`` are the statuses that were applied, ``refusal`` answers them all.
    """

    def __init__(self) -> None:
        self.served = True
        self.away = False
        self.limitador: dict[str, Any] | None = None
        self.requests: list[Request] = []
        self.writes: list[dict[str, Any]] = []
        self.refusal: dict[str, Any] | None = None
        self.fields: set[str] | None = None
        """Those that a status may have by the definition of the kind; None for all."""
        self._version = 100
        self.secret: dict[str, Any] | None = None
        self.may_read = True
        self.is_deaf = False
        """What changes is not told to those who follow, only to those who ask."""
        self._history: list[tuple[int, str, dict[str, Any]]] = []
        self._changed = asyncio.Event()
        self._cuts = 0
        self._uids = 0

    @property
    def status(self) -> dict[str, Any]:
        assert self.limitador is not None
        found: dict[str, Any] = self.limitador.get("status", {})
        return found

    @property
    def ready(self) -> dict[str, Any]:
        return self.condition("Ready")

    def condition(self, kind: str) -> dict[str, Any]:
        """The condition of that type; empty without."""
        found = (one for one in self.status.get("conditions", []) if one["type"] == kind)
        condition: dict[str, Any] = next(found, {})
        return condition

    def put(self, *limits: dict[str, Any], **spec: Any) -> None:
        """Create the resource, or give it another spec."""
        if self.limitador is None:
            self._uids += 1
            metadata = {"name": "limitador", "namespace": "ns", "uid": f"u{self._uids}", "generation": 0}
            self.limitador = {"metadata": metadata}
            kind = "ADDED"
        else:
            kind = "MODIFIED"
        changed = copy.deepcopy(self.limitador)
        changed["metadata"]["generation"] += 1
        changed["spec"] = {**spec, "limits": list(limits)}
        self._record(kind, changed)

    def mark(self, key: bytes | None) -> None:
        """Have every gateway show a token of that key."""
        changed = copy.deepcopy(self.limitador)
        assert changed is not None
        changed["metadata"]["annotations"] = {} if key is None else {ANNOTATION: fingerprint(key)}
        self._record("MODIFIED", changed)

    def put_keys(self, *keys: bytes) -> None:
        """Have a Secret with these keys, none without."""
        if not keys:
            self._record("DELETED", {**(self.secret or {})})
            self.secret = None
            return
        data = {
            name: base64.b64encode(key).decode()
            for name, key in zip(("current", "previous"), keys, strict=False)
        }
        kind = "ADDED" if self.secret is None else "MODIFIED"
        self._record(
            kind,
            {"kind": "Secret", "metadata": {"name": SECRET, "namespace": "ns", "uid": "s"}, "data": data},
        )

    def say(self, manager: str, said: dict[str, Any], fields: dict[str, Any]) -> None:
        """Have somebody write the status."""
        changed = copy.deepcopy(self.limitador)
        assert changed is not None
        changed["status"] = {**changed.get("status", {}), **said}
        entries = [
            entry for entry in changed["metadata"].get("managedFields", []) if entry["manager"] != manager
        ]
        operation = "Apply" if manager == MANAGER else "Update"
        entries.append(
            {
                "manager": manager,
                "operation": operation,
                "subresource": "status",
                "fieldsV1": {"f:status": fields},
            }
        )
        changed["metadata"]["managedFields"] = entries
        self._record("MODIFIED", changed)

    def delete(self) -> None:
        assert self.limitador is not None
        self._record("DELETED", copy.deepcopy(self.limitador))
        self.limitador = None

    def go(self) -> None:
        """Be away: connections are cut, and every further one as well."""
        self.away = True
        self.cut()

    def cut(self) -> None:
        self._cuts += 1
        self._wake()

    def _record(self, kind: str, changed: dict[str, Any]) -> None:
        self._version += 1
        changed["metadata"] = {**changed["metadata"], "resourceVersion": str(self._version)}
        if changed.get("kind") == "Secret":
            self.secret = changed
        else:
            self.limitador = changed
        if not self.is_deaf:
            self._history.append((self._version, kind, changed))
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def handle(self, request: Request, response: Response) -> None:
        if self.away:
            return
        self.requests.append(request)
        if not self.served:
            await response.json(404, b"404 page not found\n")
        elif request.method == "PATCH":
            await self._apply(request, response)
        elif request.path in {f"{SECRETS}/{SECRET}", f"{COLLECTION}/limitador"}:
            found = self.secret if SECRETS in request.path else self.limitador
            if not self.may_read:
                await response.json(403, status(403, "Forbidden", "forbidden"))
            elif found is None:
                await response.json(404, status(404, "NotFound", "not found"))
            else:
                await response.json(200, found)
        else:
            await self._follow(request, response)

    async def _follow(self, request: Request, response: Response) -> None:
        is_secret = request.path == SECRETS
        name = SECRET if is_secret else "limitador"
        assert (request.method, request.path) == ("GET", SECRETS if is_secret else COLLECTION)
        assert request.parameters["fieldSelector"] == f"metadata.name={name}"
        assert request.parameters["watch"] == "true"
        cuts = self._cuts
        await response.head(200)
        if "sendInitialEvents" in request.parameters:
            at = self._version
            there = self.secret if is_secret else self.limitador
            items = [] if there is None else [event("ADDED", there)]
            await response.send(b"".join([*items, bookmark(at, initial_end=True)]))
        else:
            at = int(request.parameters["resourceVersion"])
        while cuts == self._cuts:
            changed = self._changed
            lines = [
                event(kind, item)
                for version, kind, item in self._history
                if version > at and (item.get("kind") == "Secret") == is_secret
            ]
            at = self._version
            if lines:
                await response.send(b"".join(lines))
            else:
                await changed.wait()

    async def _apply(self, request: Request, response: Response) -> None:
        assert request.path == f"{COLLECTION}/limitador/status"
        assert request.headers["content-type"] == "application/apply-patch+yaml"
        assert request.parameters["fieldManager"] == MANAGER
        body = json.loads(request.body)
        self.writes.append(body["status"])
        if self.refusal is not None:
            await response.json(self.refusal["code"], self.refusal)
        elif self.fields is not None and (unknown := sorted(body["status"].keys() - self.fields)):
            await response.json(500, status(500, "", f".status.{unknown[0]}: field not declared in schema"))
        elif self.limitador is None:
            await response.json(404, status(404, "NotFound", "not found"))
        elif body["metadata"]["resourceVersion"] != self.limitador["metadata"]["resourceVersion"]:
            await response.json(409, status(409, "Conflict", "the object has been modified"))
        else:
            fields: dict[str, Any] = {f"f:{name}": {} for name in body["status"]}
            self.say(MANAGER, body["status"], fields)
            await response.json(200, self.limitador)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the condition is about what no event tells
            await asyncio.sleep(0.002)


class Replica:
    """One process, asked over its ports."""

    def __init__(self, settings: RatelimitSettings, client: httpx2.AsyncClient) -> None:
        self.settings = settings
        self.process = Process(settings, "ns", client)
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(self.process.run(self.stop))
        self._asked = 0

    async def page(self, path: str) -> tuple[int, str]:
        async with httpx2.AsyncClient() as client:
            answer = await client.get(f"http://{self.settings.address}:{self.settings.operations_port}{path}")
        return answer.status_code, answer.text.strip()

    async def metric(self, name: str) -> float:
        _, text = await self.page("/metrics")
        for family in text_string_to_metric_families(text + "\n"):
            if family.name == name:
                return float(family.samples[0].value)
        raise AssertionError(name)

    async def until_ready(self) -> None:
        async with asyncio.timeout(20):
            while (await self.page("/readyz"))[0] != 200:  # noqa: ASYNC110 - it is asked over its port
                await asyncio.sleep(0.005)

    async def until_not_ready(self, reason: str) -> None:
        async with asyncio.timeout(20):
            while (answer := await self.page("/readyz")) != (503, reason):
                assert answer[0] == 503
                await asyncio.sleep(0.005)

    async def until_taken(self, generation: int) -> None:
        await until(lambda: self.process._holder.generation == generation)

    def channel(self) -> grpc.aio.Channel:
        # Channels to one address share what they know of it, also that it was closed a moment ago.
        options = (("grpc.use_local_subchannel_pool", 1),)
        return grpc.aio.insecure_channel(f"{self.settings.address}:{self.settings.port}", options=options)

    async def admitted(self) -> int:
        """Of 20 calls of a new user, how many are let through."""
        self._asked += 1
        async with self.channel() as channel:
            call = channel.unary_unary(f"/{SERVICE}/ShouldRateLimit")
            entries = [{"key": "a", "value": "1"}, {"key": "user", "value": str(self._asked)}]
            body = REQUEST(domain="n", descriptors=[{"entries": entries}]).SerializeToString()
            answers = await asyncio.gather(*[call(body, timeout=10) for _ in range(20)])
        codes = [RESPONSE.Code.Name(RESPONSE.FromString(answer).overall_code) for answer in answers]
        return codes.count("OK")

    async def outcomes(
        self, domain: str, key: str, *, shown: str = "", hits: int = 0, calls: int = 20
    ) -> dict[str, int]:
        """Of these calls with that key, how many had which answer or error."""
        body = REQUEST(
            domain=domain, descriptors=[{"entries": [{"key": key, "value": "1"}]}], hits_addend=hits
        )
        metadata = ((HEADER, shown),) if shown else ()
        async with self.channel() as channel:
            call = channel.unary_unary(f"/{SERVICE}/ShouldRateLimit")

            async def outcome() -> str:
                try:
                    answer = RESPONSE.FromString(
                        await call(body.SerializeToString(), timeout=10, metadata=metadata)
                    )
                except grpc.aio.AioRpcError as error:
                    return str(error.code().name)
                return str(RESPONSE.Code.Name(answer.overall_code))

            return dict(Counter(await asyncio.gather(*[outcome() for _ in range(calls)])))


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(reflector_backoff, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(reflector_backoff, "LONGEST_DELAY", 0.05)
    monkeypatch.setattr(reflector, "ABSENT_INTERVAL", 0.05)
    monkeypatch.setattr(processes, "DRAIN_SECONDS", 0.2)
    return Api()


Start = Callable[..., Awaitable[Replica]]


@pytest.fixture
async def start(api: Api) -> AsyncIterator[Start]:
    """Start a process, by default on free ports; it is ended after the test."""
    replicas: list[Replica] = []
    async with serve(api.handle) as address, httpx2.AsyncClient(base_url=address) as client:

        async def start(**settings: Any) -> Replica:
            ports = {"port": free_port(), "operations_port": free_port(), "counters_port": 0}
            replica = Replica(
                RatelimitSettings(**{"address": "127.0.0.1", "service_host": "here", **ports, **settings}),
                client,
            )
            replicas.append(replica)
            await until(lambda: hasattr(replica.process._operations, "port"))
            return replica

        yield start
        for replica in replicas:
            replica.stop.set()
            if not replica.task.done():
                await replica.task
