"""A store with a gateway, a route and a policy, and what observes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kuadrant.kube.kind import Deleted, Kind, Listing, StoredObject
from kuadrant.kube.store import Store
from kuadrant.operator.core import kinds
from kuadrant.operator.core.world import Observer

if TYPE_CHECKING:
    from collections.abc import Mapping

GATEWAY: dict[str, Any] = {
    "metadata": {"name": "gw", "namespace": "ns", "uid": "1"},
    "spec": {"gatewayClassName": "istio", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}]},
}
ROUTE: dict[str, Any] = {
    "metadata": {"name": "route", "namespace": "ns"},
    "spec": {"parentRefs": [{"name": "gw"}]},
}
POLICY: dict[str, Any] = {
    "metadata": {"name": "policy", "namespace": "ns"},
    "spec": {
        "targetRef": {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "route"},
        "limits": {"a": {"rates": [{"limit": 1, "window": "1s"}]}},
    },
}


class Cluster:
    """A store, what observes it, and objects that come and go."""

    def __init__(self) -> None:
        self.store = Store()
        for kind in kinds.ALL:
            self.store.add(kind)
        self.observer = Observer(self.store)
        self.mattered = False
        self.store.listen(self._listen)
        self._version = 0
        for kind in kinds.ALL:
            self.store.receive(kind, [Listing("1", {}, {})])

    def _listen(self, changes: Any) -> None:
        self.mattered = self.observer.take(changes)

    def put(self, kind: Kind[Any], document: dict[str, Any]) -> None:
        self._version += 1
        metadata = document["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        entry = StoredObject(key, "1", str(self._version), msgspec.convert(document, kind.model))
        self.store.receive(kind, [entry])

    def remove(self, kind: Kind[Any], key: tuple[str, str]) -> None:
        self._version += 1
        self.store.receive(kind, [Deleted(key, str(self._version))])


def filled() -> Cluster:
    cluster = Cluster()
    cluster.put(kinds.GATEWAYS, GATEWAY)
    cluster.put(kinds.HTTP_ROUTES, ROUTE)
    cluster.put(kinds.POLICIES, POLICY)
    return cluster


TARGET = POLICY["spec"]["targetRef"]


def policy(
    maximum: int = 1,
    *,
    name: str = "policy",
    generation: int = 1,
    created: str = "2026-01-01T00:00:00Z",
    uid: str = "1",
    status: dict[str, Any] | None = None,
    rates: int = 1,
    namespace: str = "ns",
    also: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "generation": generation, "uid": uid}
    one = {"rates": [{"limit": maximum, "window": f"{10 + rate}s"} for rate in range(rates)], **(also or {})}
    return {
        "metadata": metadata | {"creationTimestamp": created},
        "spec": {"targetRef": TARGET, "limits": {"a": one}},
        "status": status or {},
    }
