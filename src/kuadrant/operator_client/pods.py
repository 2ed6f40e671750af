"""Finds pods of an installation and asks them for pages, by way of the API server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import Struct

from kuadrant.kube.client import RequestError, get
from kuadrant.operations import UID_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

T = TypeVar("T")

OURS: Final = "labelSelector=app%3Dkuadrant"
OPERATORS: Final = f"{OURS}%2Ccontrol-plane%3Dcontroller-manager"
_PROBES: Final = "probes"
_PROBES_PORT: Final = 8081


class _Port(Struct, rename="camel"):
    container_port: int
    name: str = ""


class _Container(Struct):
    image: str = ""
    ports: list[_Port] = []


class _Spec(Struct):
    containers: list[_Container] = []


class _Metadata(Struct):
    name: str
    namespace: str
    uid: str = ""
    labels: dict[str, str] = {}


class _Status(Struct, rename="camel"):
    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")


class Pod(Struct):
    """A pod, as far as it matters who it is and where it answers."""

    metadata: _Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)

    @property
    def is_running(self) -> bool:
        """Tell whether it can be asked."""
        return self.status.phase == "Running"

    def port(self, name: str, default: int) -> int:
        """Return the port of that name, ``default`` if none is called so."""
        ports = (port for container in self.spec.containers for port in container.ports)
        return next((port.container_port for port in ports if port.name == name), default)


class _Pods(Struct):
    items: list[Pod]


async def pods(client: httpx2.AsyncClient, namespace: str = "", selector: str = "") -> list[Pod]:
    """Return the pods of a namespace, or of all, that ``selector`` (a query of a URL) chooses.

    Raises:
        RequestError: The API server does not tell.
    """
    path = f"/api/v1/namespaces/{namespace}/pods?{selector}" if namespace else "/api/v1/pods"
    body = await get(client, path)
    try:
        return msgspec.json.decode(body, type=_Pods).items
    except msgspec.DecodeError as error:
        raise RequestError(f"GET {path}: no list of pods came ({error})") from error


async def ask_pod(
    client: httpx2.AsyncClient,
    pod: Pod,
    port: int,
    path: str,
    type_: type[T],
    *,
    shown: Mapping[str, str] | None = None,
) -> T:
    """Return what a page of a port of a pod says; ``shown`` are more fields of the request.

    Raises:
        RequestError: It cannot be asked, or says something else.
    """
    name = f"{pod.metadata.namespace}/pods/{pod.metadata.name}"
    # Who may read the pod knows its UID, and who does not know it gets nothing.
    body = await get(
        client,
        f"/api/v1/namespaces/{name}:{port}/proxy{path}",
        {UID_HEADER: pod.metadata.uid, **(shown or {})},
    )
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.DecodeError as error:
        raise RequestError(str(error)) from error


async def ask_replicas(
    client: httpx2.AsyncClient, namespace: str, path: str, type_: type[T]
) -> tuple[T | str, ...]:
    """Get a page of the probes' port of each replica of the operator in a namespace.

    A text says why one cannot be had.

    Raises:
        RequestError: The API server does not tell which pods there are.
    """

    async def ask(pod: Pod) -> T | str:
        try:
            return await ask_pod(client, pod, pod.port(_PROBES, _PROBES_PORT), path, type_)
        except RequestError as error:
            return f"replica {pod.metadata.name} cannot be asked: {error}"

    replicas = await pods(client, namespace, OPERATORS)
    return tuple(await asyncio.gather(*(ask(pod) for pod in replicas if pod.is_running)))
