"""Who there is in a cluster beside our pods, and who of them is to reach which port of ours."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import yaml

from scripts.installation import CONFIG
from tests.unit.config.network import OUTSIDE, Peer, pod

if TYPE_CHECKING:
    from collections.abc import Iterable

OPERATOR = {"app": "kuadrant", "control-plane": "controller-manager"}
RATELIMIT = {"app": "kuadrant", "control-plane": "ratelimit", "limitador-resource": "limitador"}
OUR_NAMESPACE = {"kubernetes.io/metadata.name": "kuadrant-system", "app": "kuadrant"}
PODS = {
    "a replica of the operator": Peer(OPERATOR, OUR_NAMESPACE),
    "a pod of the rate limit service": Peer(RATELIMIT, OUR_NAMESPACE),
    "a pod beside": pod("kuadrant-system", app="other"),
    "an application": pod("shop", app="toystore"),
    "a gateway that Istio deployed": Peer(
        {"gateway.networking.k8s.io/gateway-name": "web"}, {"kubernetes.io/metadata.name": "shop"}
    ),
    "a gateway that an old Istio deployed": Peer(
        {"istio.io/gateway-name": "web"}, {"kubernetes.io/metadata.name": "shop"}
    ),
    "a gateway of Istio's chart": pod("istio-system", app="istio-ingressgateway", istio="ingressgateway"),
    "a proxy of Envoy Gateway": Peer(
        {"gateway.envoyproxy.io/owning-gateway-name": "web", "app.kubernetes.io/managed-by": "envoy-gateway"},
        {"kubernetes.io/metadata.name": "envoy-gateway-system"},
    ),
    "a proxy of merged gateways": Peer(
        {"gateway.envoyproxy.io/owning-gatewayclass": "merged"},
        {"kubernetes.io/metadata.name": "envoy-gateway-system"},
    ),
    "a gateway with labels of its own": pod("edge", app="our-edge"),
    "the same where its namespace is said to hold gateways": pod(
        "edge-of-gateways", app="our-edge", of_namespace={"kuadrant.io/gateways": "true"}
    ),
    "Envoy Gateway": Peer(
        {"control-plane": "envoy-gateway"}, {"kubernetes.io/metadata.name": "envoy-gateway-system"}
    ),
    "who collects metrics": pod("monitoring", app="prometheus", of_namespace={"metrics": "enabled"}),
    "the API server, a node, or what is outside": OUTSIDE,
}
GATEWAYS = {
    "a gateway that Istio deployed",
    "a gateway that an old Istio deployed",
    "a gateway of Istio's chart",
    "a proxy of Envoy Gateway",
    "a proxy of merged gateways",
    "the same where its namespace is said to hold gateways",
}
ANY_POD = PODS.keys() - {"the API server, a node, or what is outside"}
REACHES = {
    ("operator", "wasm-shim"): ANY_POD,
    ("operator", "push"): GATEWAYS | {"a replica of the operator"},
    ("operator", "metrics"): {"who collects metrics"},
    ("operator", "probes"): PODS.keys(),
    ("ratelimit", "grpc"): ANY_POD,
    ("ratelimit", "http"): {"who collects metrics"},
    ("ratelimit", "counters"): PODS.keys(),
}
LABELS = {"operator": OPERATOR, "ratelimit": RATELIMIT}


def gateways_only(policies: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The policies with what config/gateways-only changes."""
    component = yaml.safe_load((CONFIG / "gateways-only/kustomization.yaml").read_text())
    changed = copy.deepcopy(list(policies))
    for patch in component["patches"]:
        (policy,) = [one for one in changed if one["metadata"]["name"] == patch["target"]["name"]]
        for change in yaml.safe_load((CONFIG / "gateways-only" / patch["path"]).read_text()):
            assert change["op"] == "replace"
            *path, last = change["path"].removeprefix("/").split("/")
            place: Any = policy
            for step in path:
                place = place[int(step)] if isinstance(place, list) else place[step]
            assert last in place
            place[last] = change["value"]
    return changed
