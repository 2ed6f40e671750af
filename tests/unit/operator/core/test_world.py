"""What the operator takes out of its store, and that it takes out only what changed."""

from __future__ import annotations

from kuadrant.gateways.delivery_mode import Token
from kuadrant.gateways.provider import SeenPod
from kuadrant.kube.kind import Listing
from kuadrant.operator.core import kinds
from tests.unit.operator.core.observed import GATEWAY, POLICY, ROUTE, filled


def test_without_a_change_it_is_the_same_objects() -> None:
    cluster = filled()
    first = cluster.observer.world()

    assert cluster.observer.world().objects is first.objects
    assert [*first.policies] == [("ns", "policy")]


def test_a_change_of_one_object_leaves_the_others_the_same_instances() -> None:
    cluster = filled()
    cluster.put(kinds.HTTP_ROUTES, ROUTE | {"metadata": {"name": "other", "namespace": "ns"}})
    first = cluster.observer.world().objects
    cluster.put(kinds.HTTP_ROUTES, ROUTE | {"spec": {"parentRefs": [{"name": "another"}]}})
    now = cluster.observer.world().objects

    assert now.http_routes[0] is first.http_routes[0]
    assert now.http_routes[1] is not first.http_routes[1]
    assert now.gateways is first.gateways


def test_statuses_change_no_object() -> None:
    """Else what is written into them would have everything decided again."""
    cluster = filled()
    first = cluster.observer.world().objects
    cluster.put(kinds.HTTP_ROUTES, ROUTE | {"status": {"parents": []}})
    cluster.put(kinds.POLICIES, POLICY | {"status": {"observedGeneration": 1}})
    cluster.put(kinds.GATEWAYS, GATEWAY | {"status": {"listeners": [], "conditions": []}})

    assert cluster.observer.world().objects is first


def test_a_kind_is_served_from_its_definition_on_though_it_has_no_object() -> None:
    cluster = filled()
    told: list[object] = []
    cluster.store.receive(kinds.POD_MONITORS, [Listing("", {}, {})])
    cluster.store.listen(told.append)
    assert kinds.POD_MONITORS.name not in cluster.observer.world().served

    cluster.store.receive(kinds.POD_MONITORS, [Listing("7", {}, {})])
    assert told == [()]
    assert kinds.POD_MONITORS.name in cluster.observer.world().served


def test_the_addresses_of_a_gateway_are_of_it() -> None:
    cluster = filled()
    cluster.put(kinds.GATEWAYS, GATEWAY | {"status": {"addresses": [{"type": "Hostname", "value": "a.b"}]}})

    (gateway,) = cluster.observer.world().objects.gateways
    assert [address.value for address in gateway.status.addresses] == ["a.b"]


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
