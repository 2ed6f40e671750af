"""Two tenants on a gateway of the lab, measured; prints what they met as JSON. Runs inside the lab.

``python -m tests.lab.tenancy URL NAMESPACE GATEWAY SECONDS``: each part of the run is so many seconds long.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kuadrant.kube.client import find_access
from tests.tenants import HONEST, HOSTILE, PLAIN
from tests.two_tenants import measure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import httpx2

    from tests.tenants import Document

NAMESPACES = (HONEST, HOSTILE, PLAIN)
PLURALS = {
    "HTTPRoute": "httproutes",
    "RateLimitPolicy": "ratelimitpolicies",
    "ReferenceGrant": "referencegrants",
}


class Cluster:
    """The lab as a place for tenants, whose routes all lead to the toystore."""

    def __init__(self, api: httpx2.AsyncClient, url: str, namespace: str, gateway: str) -> None:
        parts = urlsplit(url)
        self.api = api
        self.address = socket.gethostbyname(parts.hostname or "")
        self.port = parts.port or 80
        self.gateway = {"name": gateway, "namespace": namespace}
        self.backend = {"name": "toystore", "namespace": "default", "port": 80}

    async def put(self, documents: Iterable[Document]) -> None:
        """Apply them."""
        for one in documents:
            answer = await self.api.patch(
                path_of(one),
                params={"fieldManager": "tenants", "force": "true"},
                content=json.dumps(one),
                headers={"content-type": "application/apply-patch+yaml"},
            )
            answer.raise_for_status()

    async def remove(self, documents: Iterable[Document]) -> None:
        """Delete those that are there."""
        for one in documents:
            await self.api.delete(path_of(one))


def path_of(document: Document) -> str:
    """Where the API server has an object."""
    metadata = document["metadata"]
    if document["kind"] == "Namespace":
        return f"/api/v1/namespaces/{metadata['name']}"
    plural = PLURALS[document["kind"]]
    return f"/apis/{document['apiVersion']}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"


@contextlib.asynccontextmanager
async def tenants_in(url: str, namespace: str, gateway: str) -> AsyncIterator[Cluster]:
    """The lab with the tenants' namespaces, which are gone afterwards."""
    grant = {
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "tenants", "namespace": "default"},
        "spec": {
            "from": [
                {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": one}
                for one in NAMESPACES
            ],
            "to": [{"group": "", "kind": "Service"}],
        },
    }
    theirs = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": one}} for one in NAMESPACES]
    async with find_access().connect() as api:
        cluster = Cluster(api, url, namespace, gateway)
        async with asyncio.timeout(60):
            # Those of a run before may not be gone yet.
            while await any_ending(api, theirs):  # noqa: ASYNC110 - the API server is asked
                await asyncio.sleep(0.2)
        await cluster.put([*theirs, grant])
        try:
            yield cluster
        finally:
            await cluster.remove([grant, *theirs])


async def any_ending(api: httpx2.AsyncClient, documents: Iterable[Document]) -> bool:
    """Whether one of them is being deleted."""
    answers = [(await api.get(path_of(one))).json() for one in documents]
    return any("deletionTimestamp" in answer.get("metadata", {}) for answer in answers)


async def main(url: str, namespace: str, gateway: str, seconds: str) -> None:
    async with tenants_in(url, namespace, gateway) as cluster:
        sys.stdout.write(json.dumps(await measure(cluster, float(seconds))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
