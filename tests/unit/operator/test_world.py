"""What the operator takes out of its store, and that it takes out only what changed."""

from __future__ import annotations

from typing import Any

import msgspec

from kuadrant.gateways.provider import SeenPod
from kuadrant.gateways.push import Token
from kuadrant.kube.kind import Deleted, Entry, Kind, Snapshot
from kuadrant.kube.store import Store
from kuadrant.operator import kinds
from kuadrant.operator.world import Observer

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
            self.store.receive(kind, [Snapshot("1", {}, {})])

    def _listen(self, changes: Any) -> None:
        self.mattered = self.observer.take(changes)

    def put(self, kind: Kind[Any], document: dict[str, Any]) -> None:
        self._version += 1
        metadata = document["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        entry = Entry(key, "1", str(self._version), msgspec.convert(document, kind.model))
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


def test_without_a_change_it_is_the_same_objects() -> None:
    cluster = filled()
    first = cluster.observer.world()

    assert cluster.observer.world().objects is first.objects
    assert [one.metadata.name for one in first.objects.rate_limit_policies] == ["policy"]


def test_a_change_of_one_object_leaves_the_others_the_same_instances() -> None:
    cluster = filled()
    cluster.put(kinds.HTTP_ROUTES, ROUTE | {"metadata": {"name": "other", "namespace": "ns"}})
    first = cluster.observer.world().objects
    cluster.put(kinds.HTTP_ROUTES, ROUTE | {"spec": {"parentRefs": [{"name": "another"}]}})
    now = cluster.observer.world().objects

    assert now.http_routes[0] is first.http_routes[0]
    assert now.http_routes[1] is not first.http_routes[1]
    assert now.gateways is first.gateways
    assert now.rate_limit_policies is first.rate_limit_policies


def test_statuses_change_no_object() -> None:
    """Else what is written into them would have everything decided again."""
    cluster = filled()
    first = cluster.observer.world().objects
    cluster.put(kinds.HTTP_ROUTES, ROUTE | {"status": {"parents": []}})
    cluster.put(kinds.POLICIES, POLICY | {"status": {"observedGeneration": 1}})
    cluster.put(kinds.GATEWAYS, GATEWAY | {"status": {"listeners": [], "conditions": []}})

    assert cluster.observer.world().objects is first


def test_the_addresses_of_a_gateway_are_of_it() -> None:
    cluster = filled()
    cluster.put(kinds.GATEWAYS, GATEWAY | {"status": {"addresses": [{"type": "Hostname", "value": "a.b"}]}})

    (gateway,) = cluster.observer.world().objects.gateways
    assert [address.value for address in gateway.status.addresses] == ["a.b"]


def test_a_policy_that_cannot_be_read_any_more_stays_what_it_was() -> None:
    cluster = filled()
    (first,) = cluster.observer.world().objects.rate_limit_policies
    wrong = {**POLICY["spec"], "limits": {"a": {"rates": [{"limit": 1, "window": "tomorrow"}]}}}
    cluster.put(kinds.POLICIES, POLICY | {"spec": wrong})
    world = cluster.observer.world()

    assert world.objects.rate_limit_policies == (first,)
    assert "window" in world.unreadable["ns", "policy"]


def test_a_policy_that_could_never_be_read_is_not_there() -> None:
    cluster = Cluster()
    cluster.put(kinds.POLICIES, POLICY | {"spec": {}})
    world = cluster.observer.world()

    assert world.objects.rate_limit_policies == ()
    assert ("ns", "policy") in world.policies
    assert "targetRef" in world.unreadable["ns", "policy"]
    cluster.remove(kinds.POLICIES, ("ns", "policy"))
    assert cluster.observer.world().unreadable == {}


def test_pods_are_their_labels_and_tokens() -> None:
    """They change their status all the time, which nobody has to hear of."""
    cluster = filled()
    projected = {"sources": [{"configMap": {}}, {"serviceAccountToken": {"path": "token", "audience": "a"}}]}
    pod = {
        "metadata": {"name": "pod", "namespace": "ns", "labels": {"istio": "ingressgateway"}},
        "spec": {
            "volumes": [{"name": "tokens", "projected": projected}, {"name": "other", "emptyDir": {}}],
            "containers": [
                {"volumeMounts": [{"name": "tokens", "mountPath": "/x/"}]},
                {"volumeMounts": [{"name": "other", "mountPath": "/y"}]},
            ],
        },
    }
    cluster.put(kinds.PODS, pod)
    first = cluster.observer.world()
    assert cluster.mattered
    seen = SeenPod({"istio": "ingressgateway"}, frozenset({Token("/x/token", "a")}))
    assert first.pods == {"ns": (seen,)}

    cluster.put(kinds.PODS, pod)
    assert not cluster.mattered
    cluster.put(kinds.PODS, {"metadata": {"name": "pod", "namespace": "other", "labels": {}}})
    assert cluster.mattered
    assert cluster.observer.world().pods["ns"] is first.pods["ns"]


def test_objects_of_providers_are_by_the_gateway_that_they_were_made_for() -> None:
    cluster = filled()
    owner = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "name": "gw",
        "controller": True,
    }
    document = {
        "kind": "WasmPlugin",
        "metadata": {"name": "kuadrant-gw", "namespace": "ns", "ownerReferences": [owner]},
    }
    foreign = {"kind": "WasmPlugin", "metadata": {"name": "kuadrant-gw", "namespace": "elsewhere"}}
    for one in (document, foreign):
        cluster.put(kinds.OF_PROVIDERS["WasmPlugin"], one)

    assert cluster.observer.world().existing == {("ns", "gw"): (document,)}
