"""Looks at a cluster for what there is of an installation, by the rights of who asks."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace

from kuadrant.api.kuadrant import FINALIZER
from kuadrant.gateways.ownership import MANAGED
from kuadrant.gateways.providers import PROVIDERS, linger
from kuadrant.kube.client import AbsentError, RequestError, get
from kuadrant.operator.core import kinds
from kuadrant.status import Affected, gateway_status, route_status
from kuadrant.uninstall.installation import (
    DEFINITIONS,
    KUADRANTS,
    LIMITADORS,
    NAMESPACES,
    OF_DEFINITIONS,
    OF_OPERATOR,
    OF_SERVICE,
    OPERATOR,
    OURS,
    PODS,
    POLICIES,
    Named,
    Resource,
)
from kuadrant.uninstall.planned import Seen, There

if TYPE_CHECKING:
    import httpx2

_PAGE = 500
_RELEASE = "meta.helm.sh/release-name"
_KUADRANT_GROUP = "kuadrant.io"
_TARGETS = (
    (kinds.GATEWAYS, gateway_status),
    (kinds.HTTP_ROUTES, route_status),
    (kinds.GRPC_ROUTES, route_status),
)


async def look(client: httpx2.AsyncClient, namespace: str, *, stop_only: bool = False) -> Seen:
    """Return what there is of an installation in a namespace, and of ours in the whole cluster.

    Of the installation only what takes part in ending limiting, if it is ``stop_only``.

    Raises:
        RequestError: Something cannot be seen.
    """
    kuadrants = await listed(client, KUADRANTS)
    operator = await _all(client, OF_OPERATOR[:1] if stop_only else OF_OPERATOR, namespace)
    deployment = next((one for one in operator if one["kind"] == "Deployment"), {})
    own = _is_ours(deployment) or not deployment
    seen = Seen(
        kuadrants=tuple(_there(one, KUADRANTS) for one in kuadrants),
        told=await _told(client),
        affected=await _affected(client),
        works=bool(deployment) and own and bool(deployment.get("status", {}).get("readyReplicas")),
        operator=tuple(one["there"] for one in operator) if own else (),
        release=deployment.get("metadata", {}).get("annotations", {}).get(_RELEASE, ""),
        obstacle=_obstacle(kuadrants),
    )
    return seen if stop_only else await _whole(client, namespace, seen, deployment)


async def _whole(client: httpx2.AsyncClient, namespace: str, seen: Seen, deployment: dict[str, Any]) -> Seen:
    """Return what was seen with the rest of the installation."""
    definitions = await listed(client, DEFINITIONS)
    query = {"labelSelector": "app=kuadrant,control-plane=controller-manager"}
    pods = await listed(client, PODS, namespace, query) if seen.operator or not deployment else []
    service = await _all(client, OF_SERVICE, namespace)
    ours = await _all(client, OF_DEFINITIONS, namespace)
    root = await _object(client, NAMESPACES, namespace, "")
    return replace(
        seen,
        policies=len(await listed(client, POLICIES)),
        pods=tuple(_there(one, PODS) for one in pods),
        service=tuple(one["there"] for one in service if _is_labelled(one) or one["kind"] == "Secret"),
        definitions=tuple(one["there"] for one in ours if _may_go(one)),
        namespace=(_there(root, NAMESPACES),) if root is not None and _is_labelled(root) else (),
        foreign=_foreign(definitions, deployment),
    )


def _obstacle(kuadrants: list[dict[str, Any]]) -> str:
    conditions = (one for kuadrant in kuadrants for one in kuadrant.get("status", {}).get("conditions", ()))
    return next((one["message"] for one in conditions if one.get("reason") == "Deleting"), "")


def _is_ours(deployment: dict[str, Any]) -> bool:
    """Tell whether a Deployment of the name that ours has runs our command; Kuadrant's has others."""
    containers = deployment.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ())
    return any("operator" in one.get("args", ()) for one in containers)


def _foreign(definitions: list[dict[str, Any]], deployment: dict[str, Any]) -> tuple[str, ...]:
    """Return what of Kuadrant's own operator is there."""
    names = {name for _, name in OF_DEFINITIONS}
    found = [
        one["metadata"]["name"]
        for one in definitions
        if one["spec"]["group"].endswith(_KUADRANT_GROUP) and one["metadata"]["name"] not in names
    ]
    if deployment and not _is_ours(deployment):
        found.append(f"Deployment {OPERATOR}")
    return tuple(found)


def _is_labelled(document: dict[str, Any]) -> bool:
    label, value = OURS
    return bool(document["metadata"].get("labels", {}).get(label) == value)


def _may_go(document: dict[str, Any]) -> bool:
    return document["metadata"]["name"] != LIMITADORS or _is_labelled(document)


async def _told(client: httpx2.AsyncClient) -> tuple[There, ...]:
    """Return what of ours gateways and Prometheus are told by, what others need last."""
    found: list[There] = []
    for provider in PROVIDERS:
        for kind in provider.KINDS:
            resource = Resource(kind.group, kind.version, kind.plural, kind.name)
            found += [
                _there(one, resource, linger(one))
                for one in await listed(client, resource)
                if provider.owner(one) is not None
            ]
    for monitor in (kinds.SERVICE_MONITORS, kinds.POD_MONITORS):
        resource = Resource(monitor.group, monitor.version, monitor.plural, monitor.name)
        ours = {"labelSelector": ",".join(f"{name}={value}" for name, value in MANAGED.items())}
        found += [_there(one, resource) for one in await listed(client, resource, query=ours)]
    return tuple(sorted(found, key=lambda one: (one.seconds, one.path)))


async def _affected(client: httpx2.AsyncClient) -> tuple[There, ...]:
    found: list[There] = []
    nobody, now = Affected({}, {}, {}), dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for kind, tell in _TARGETS:
        resource = Resource(kind.group, kind.version, kind.plural, kind.name)
        found += [
            _there(one, resource)
            for one in await listed(client, resource)
            if tell({**one, "kind": kind.name}, nobody, now) is not None
        ]
    return tuple(found)


async def _all(client: httpx2.AsyncClient, named: tuple[Named, ...], namespace: str) -> list[dict[str, Any]]:
    """Return those of these objects that are there, each with what is to be known of it."""
    found = await asyncio.gather(*(_object(client, kind, name, namespace) for kind, name in named))
    return [
        {**one, "kind": kind.kind, "there": _there(one, kind)}
        for (kind, _), one in zip(named, found, strict=True)
        if one is not None
    ]


async def _object(
    client: httpx2.AsyncClient, kind: Resource, name: str, namespace: str
) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = msgspec.json.decode(await get(client, kind.path(namespace, name)))
    except AbsentError:
        return None
    return found


async def listed(
    client: httpx2.AsyncClient, kind: Resource, namespace: str = "", query: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return all objects of a kind, of a namespace or of all; none of a kind that is not served.

    Raises:
        RequestError: They were not given; the text says why.
    """
    found: list[dict[str, Any]] = []
    parameters = {**(query or {}), "limit": str(_PAGE)}
    while True:
        path = f"{kind.path(namespace)}?{urlencode(parameters)}"
        try:
            page: dict[str, Any] = msgspec.json.decode(await get(client, path))
        except AbsentError:
            return []
        except msgspec.DecodeError as error:
            raise RequestError(f"GET {path}: this is no list ({error})") from error
        found += [{**one, "kind": kind.kind} for one in page.get("items") or ()]
        token = page.get("metadata", {}).get("continue")
        if not token:
            return found
        parameters["continue"] = token


def _there(document: dict[str, Any], kind: Resource, seconds: float = 0.0) -> There:
    metadata = document["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    is_deleted = "deletionTimestamp" in metadata
    return There(
        kind=kind.kind,
        path=kind.path(namespace, name),
        namespace=namespace,
        name=name,
        uid=metadata.get("uid", ""),
        is_deleted=is_deleted,
        is_kept=is_deleted and FINALIZER in metadata.get("finalizers", ()),
        seconds=seconds,
    )
