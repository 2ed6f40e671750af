"""Has what `Facts` holds read from a cluster: by lists alone, and never a write."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import os
import re
import socket
from typing import TYPE_CHECKING, Any, Final

import msgspec

from kuadrant.doctor.facts import MODULE_SERVICE, RATELIMIT_SERVICE, Facts
from kuadrant.gateways.providers import PROVIDERS
from kuadrant.kube.client import FAILURES, AbsentError, RequestError, describe, get
from kuadrant.operator.core import kinds
from kuadrant.uninstall.installation import DEFINITIONS, KUADRANTS, PODS, POLICIES, Resource
from kuadrant.uninstall.looking import listed

if TYPE_CHECKING:
    import httpx2

_RBAC: Final = "rbac.authorization.k8s.io"
_EVERYWHERE: Final = (
    DEFINITIONS,
    KUADRANTS,
    POLICIES,
    *(
        Resource(kind.group, kind.version, kind.plural, kind.name, kind.namespaced)
        for kind in (kinds.GATEWAY_CLASSES, kinds.GATEWAYS, kinds.LIMITADORS)
    ),
    *(
        Resource(kind.group, kind.version, kind.plural, kind.name)
        for provider in PROVIDERS
        for kind in provider.KINDS
    ),
    Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
    Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
    Resource(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    Resource(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
)
_IN_NAMESPACE: Final = (PODS, Resource("apps", "v1", "deployments", "Deployment"))
_SERVICES: Final = Resource("", "v1", "services", "Service")
_SECRETS: Final = Resource("", "v1", "secrets", "Secret")
_CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
_AT_ONCE: Final = 6


async def read(client: httpx2.AsyncClient, namespace: str, envoy_gateway_namespace: str) -> Facts:
    """Return what there is.

    What may not be read is named, and everything else is looked at.

    Raises:
        RequestError: The API server cannot be asked at all.
    """
    server, ahead, now = await _server(client)
    turns = asyncio.Semaphore(_AT_ONCE)
    objects: dict[str, tuple[dict[str, Any], ...]] = {}
    unread: dict[str, str] = {}

    async def have(kind: Resource, place: str = "", name: str = "") -> None:
        async with turns:
            try:
                found = await (_one(client, kind, place, name) if name else listed(client, kind, place))
            except RequestError as error:
                unread[kind.kind] = str(error)
                return
        objects[kind.kind] = (*objects.get(kind.kind, ()), *found)

    await asyncio.gather(
        *(have(kind) for kind in _EVERYWHERE),
        *(have(kind, namespace) for kind in _IN_NAMESPACE),
        *(have(_SERVICES, namespace, name) for name in (MODULE_SERVICE, RATELIMIT_SERVICE)),
        have(_SERVICES, "kube-system", "kube-dns"),
        have(_SECRETS, namespace, "kuadrant-push-server"),
        have(_CONFIG_MAPS, envoy_gateway_namespace, "envoy-gateway-config"),
    )
    names = (
        f"{MODULE_SERVICE}.{namespace}.svc.cluster.local",
        f"{RATELIMIT_SERVICE}.{namespace}.svc.cluster.local",
    )
    there = {one["metadata"]["name"] for one in objects.get("Service", ())}
    tried = "KUBERNETES_SERVICE_HOST" in os.environ
    return Facts(
        namespace=namespace,
        server=server,
        objects=objects,
        unread=unread,
        ahead=ahead,
        now=now,
        unresolved=await _unresolved(
            [one for one in names if one.partition(".")[0] in there] if tried else []
        ),
        tried=tried,
    )


async def _server(client: httpx2.AsyncClient) -> tuple[tuple[int, int], float | None, float]:
    """Return the API server's version, by how much its clock is ahead of ours, and its time."""
    before = dt.datetime.now(dt.UTC)
    try:
        response = await client.get("/version")
    except FAILURES as error:
        raise RequestError(f"GET /version: {describe(error)}") from error
    after = dt.datetime.now(dt.UTC)
    ahead, now = None, after.timestamp()
    if told := response.headers.get("date"):
        now = email.utils.parsedate_to_datetime(told).timestamp()
        # It says whole seconds, and says it some time between.
        middle = before.timestamp() + (after - before).total_seconds() / 2
        ahead = now + 0.5 - middle
    try:
        version = msgspec.json.decode(response.content)
        numbers = [re.match("[0-9]*", version[name]) for name in ("major", "minor")]
        major, minor = (int(one[0]) if one and one[0] else 0 for one in numbers)
    except (msgspec.DecodeError, KeyError, TypeError):
        return (0, 0), ahead, now
    return (major, minor), ahead, now


async def _one(client: httpx2.AsyncClient, kind: Resource, namespace: str, name: str) -> list[dict[str, Any]]:
    try:
        found: dict[str, Any] = msgspec.json.decode(await get(client, kind.path(namespace, name)))
    except AbsentError:
        return []
    except msgspec.DecodeError as error:
        raise RequestError(f"GET {kind.path(namespace, name)}: this is no object ({error})") from error
    return [{**found, "kind": kind.kind}]


async def _unresolved(names: list[str]) -> tuple[str, ...]:
    """Return the names that lead nowhere from here, which is of meaning in a pod alone."""
    resolve = asyncio.get_running_loop().getaddrinfo
    found = await asyncio.gather(
        *(resolve(f"{name}.", None, type=socket.SOCK_STREAM) for name in names), return_exceptions=True
    )
    return tuple(name for name, one in zip(names, found, strict=True) if isinstance(one, OSError))
