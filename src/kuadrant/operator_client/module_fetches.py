"""Tells which pods fetched which modules, for `kuadrant wasm who`.

Every replica of the operator is asked who has fetched from it, and addresses become pods.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Struct

from kuadrant.kube.client import RequestError, get
from kuadrant.operations import UID_HEADER
from kuadrant.wasm.gateway_fetches import PATH, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import httpx2

T = TypeVar("T")

_OPERATORS = "labelSelector=app%3Dkuadrant%2Ccontrol-plane%3Dcontroller-manager"
_PROBES = "probes"
_PROBES_PORT = 8081


class _Port(Struct, rename="camel"):
    container_port: int
    name: str = ""


class _Container(Struct):
    ports: list[_Port] = []


class _Spec(Struct):
    containers: list[_Container] = []


class _Metadata(Struct):
    name: str
    namespace: str
    uid: str = ""


class _Status(Struct, rename="camel"):
    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")


class _Pod(Struct):
    metadata: _Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)

    @property
    def probes_port(self) -> int:
        ports = (port for container in self.spec.containers for port in container.ports)
        return next((port.container_port for port in ports if port.name == _PROBES), _PROBES_PORT)


class _Pods(Struct):
    items: list[_Pod]


class Line(Struct, frozen=True, kw_only=True):
    """Sums up fetches of one pod that are alike, from all replicas together.

    Attributes:
        pod: namespace/name, or the address where no pod has it.
        client: what the client says it is.
        version: the module's version.
        sha256: the module's digest.
        status: the HTTP status of the answers.
        count: how many fetches there were.
        seconds: how long ago the last one was.
    """

    pod: str
    client: str
    version: str
    sha256: str
    status: int
    count: int
    seconds: float


class Answer(Struct, frozen=True):
    """Holds what the replicas said.

    Attributes:
        lines: a line for all that is alike, the latest fetch first.
        problems: a text for each replica that could not be asked.
        replicas: how many replicas were asked.
    """

    lines: tuple[Line, ...]
    problems: tuple[str, ...]
    replicas: int


async def module_fetches(client: httpx2.AsyncClient, namespace: str) -> Answer:
    """Ask all replicas of the operator in a namespace, by way of the API server.

    Raises:
        RequestError: the API server does not tell which pods there are.
    """
    everybody = await _pods(client, "/api/v1/pods")
    told = await ask_replicas(client, namespace, PATH, list[Record])
    names = {
        pod.status.pod_ip: f"{pod.metadata.namespace}/{pod.metadata.name}"
        for pod in everybody
        if pod.status.pod_ip and pod.status.phase == "Running"
    }
    records = [record for one in told if not isinstance(one, str) for record in one]
    return Answer(merged(records, names), tuple(one for one in told if isinstance(one, str)), len(told))


def merged(records: Iterable[Record], names: Mapping[str, str]) -> tuple[Line, ...]:
    """Merge records that are alike into lines, with the pods' names by address."""
    found: dict[tuple[str, str, str, int], Line] = {}
    for record in records:
        pod = names.get(record.peer, record.peer)
        key = (pod, record.client, record.sha256, record.status)
        before = found.get(key)
        found[key] = Line(
            pod=pod,
            client=record.client,
            version=record.version,
            sha256=record.sha256,
            status=record.status,
            count=record.count + (before.count if before else 0),
            seconds=min(record.seconds, before.seconds) if before else record.seconds,
        )
    return tuple(sorted(found.values(), key=lambda line: (line.seconds, line.pod)))


async def ask_replicas(
    client: httpx2.AsyncClient, namespace: str, path: str, type_: type[T]
) -> tuple[T | str, ...]:
    """Get a page of the probes' port of each replica in a namespace, by way of the API server.

    A text says why one cannot be had.

    Raises:
        RequestError: the API server does not tell which pods there are.
    """
    replicas = await _pods(client, f"/api/v1/namespaces/{namespace}/pods?{_OPERATORS}")
    running = [pod for pod in replicas if pod.status.phase == "Running"]
    return tuple(await asyncio.gather(*(_ask(client, pod, path, type_) for pod in running)))


async def _ask(client: httpx2.AsyncClient, pod: _Pod, path: str, type_: type[T]) -> T | str:
    name = f"{pod.metadata.namespace}/pods/{pod.metadata.name}"
    try:
        # Who may read the pod knows its UID, and who does not know it gets nothing.
        body = await get(
            client,
            f"/api/v1/namespaces/{name}:{pod.probes_port}/proxy{path}",
            {UID_HEADER: pod.metadata.uid},
        )
        return msgspec.json.decode(body, type=type_)
    except (RequestError, msgspec.DecodeError) as error:
        return f"replica {pod.metadata.name} cannot be asked: {error}"


async def _pods(client: httpx2.AsyncClient, path: str) -> list[_Pod]:
    body = await get(client, path)
    try:
        return msgspec.json.decode(body, type=_Pods).items
    except msgspec.DecodeError as error:
        raise RequestError(f"GET {path}: no list of pods came ({error})") from error
