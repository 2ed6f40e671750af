"""Which pods are a gateway's, and which Envoy gets what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.gateways.delivery_mode import Token
from kuadrant.gateways.provider import PodSelector
from kuadrant.operator.push.gateway_pods import GatewayPods, gateway_pods
from kuadrant.operator.push.pod_admission import admission
from kuadrant.xds import Admission, Denial, Identity, Peer
from tests.unit.operator.push.pods import pod

if TYPE_CHECKING:
    from kuadrant.api.pod import Pod

NONE = Identity()
SELECTORS = {
    ("ns", "gw"): PodSelector(frozenset({"ns"}), {"gateway": "gw"}),
    ("ns", "other"): PodSelector(frozenset({"ns"}), {"gateway": "other"}),
    ("ns", "same"): PodSelector(frozenset({"ns"}), {"app": "both"}),
    ("elsewhere", "gw"): PodSelector(frozenset({"elsewhere"}), {"gateway": "gw"}),
    ("ns", "shown"): PodSelector(frozenset({"ns"}), {"gateway": "shown"}, Token("/file", "us")),
}


def found(*pods: Pod) -> GatewayPods:
    return gateway_pods(pods, SELECTORS)


def istio(name: str, address: str, namespace: str = "ns", identity: Identity = NONE) -> Peer:
    node = f"router~{address}~{name}.{namespace}~{namespace}.svc.cluster.local"
    return Peer(address, node, identity=identity)


def test_a_pod_gets_what_its_gateway_gets() -> None:
    pods = found(pod("a", "10.0.0.1"))
    assert admission(istio("a", "10.0.0.1"), pods) == Admission("ns/a", "ns/gw")


def test_an_envoy_that_names_only_its_pod_is_known_by_its_address() -> None:
    assert admission(Peer("10.0.0.1", "a"), found(pod("a", "10.0.0.1"))) == Admission("ns/a", "ns/gw")


def test_a_pod_that_serves_two_gateways_gets_what_both_get() -> None:
    both = pod("a", "10.0.0.1", metadata={"labels": {"gateway": "gw", "app": "both"}})
    assert admission(istio("a", "10.0.0.1"), found(both)) == Admission("ns/a", "ns/gw ns/same")


@pytest.mark.parametrize(
    ("peer", "reason"),
    [
        pytest.param(
            istio("a", "10.0.0.9"), "no pod of a gateway has its address 10.0.0.9", id="another's address"
        ),
        pytest.param(
            istio("b", "10.0.0.1"),
            "it says that it is ns/b, but ns/a has its address",
            id="another pod's name",
        ),
        pytest.param(
            istio("a", "10.0.0.1", "elsewhere"),
            "it says that it is elsewhere/a, but ns/a has its address",
            id="another namespace",
        ),
        pytest.param(
            istio("c", "10.0.0.3"), "no pod of a gateway has its address 10.0.0.3", id="no gateway's pod"
        ),
        pytest.param(
            istio("gone", "10.0.0.4"), "no pod of a gateway has its address 10.0.0.4", id="a pod that ended"
        ),
    ],
)
def test_what_is_not_what_it_says_gets_nothing(peer: Peer, reason: str) -> None:
    pods = found(
        pod("a", "10.0.0.1"),
        pod("b", "10.0.0.2", metadata={"labels": {"gateway": "other"}}),
        pod("c", "10.0.0.3", metadata={"labels": {}}),
        pod("gone", "10.0.0.4", status={"phase": "Failed"}),
    )
    assert admission(peer, pods) == Denial(reason)


def test_of_pods_that_share_their_nodes_address_the_name_decides() -> None:
    pods = found(pod("a", "10.0.0.1"), pod("b", "10.0.0.1", metadata={"labels": {"gateway": "other"}}))
    assert admission(istio("b", "10.0.0.1"), pods) == Admission("ns/b", "ns/other")


def test_a_pod_that_is_about_to_go_gets_no_requests() -> None:
    going = pod(
        "a",
        "10.0.0.1",
        metadata={"labels": {"gateway": "gw"}, "deletionTimestamp": "2026-01-01T00:00:00Z"},
    )
    (one,) = found(going).of(("ns", "gw"))
    assert not one.ready


def test_whose_object_has_it_show_a_token_has_to_show_one_of_its_own() -> None:
    pods = found(pod("a", "10.0.0.1", metadata={"labels": {"gateway": "shown"}}))

    def admitted(identity: Identity) -> Admission | Denial:
        return admission(istio("a", "10.0.0.1", identity=identity), pods)

    assert admitted(Identity("ns/a")) == Admission("ns/a", "ns/shown")
    ought = "it ought to show a token of pod ns/a, but"
    assert admitted(NONE) == Denial(f"{ought} it shows none")
    assert admitted(Identity(problem="it is out of date")) == Denial(f"{ought} it is out of date")
    assert admitted(Identity("ns/b")) == Denial(f"{ought} it is one of ns/b")


def test_a_token_that_is_another_pods_is_never_believed() -> None:
    pods = found(pod("a", "10.0.0.1"))
    assert admission(istio("a", "10.0.0.1", identity=Identity("ns/a")), pods) == Admission("ns/a", "ns/gw")
    assert admission(istio("a", "10.0.0.1", identity=Identity("ns/b")), pods) == Denial(
        "it ought to show a token of pod ns/a, but it is one of ns/b"
    )


def test_a_pod_of_two_gateways_shows_a_token_if_both_their_objects_say_so() -> None:
    both = pod("a", "10.0.0.1", metadata={"labels": {"gateway": "shown", "app": "both"}})
    assert admission(istio("a", "10.0.0.1"), found(both)) == Admission("ns/a", "ns/same ns/shown")
