"""Who reaches which port of ours, and whom ours reach, with an installation's network policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.settings import OperatorSettings, RatelimitSettings
from scripts.installation import ROOT
from tests.unit.config import templates
from tests.unit.config.network import OUTSIDE, lets_in, lets_out, pod, selects
from tests.unit.config.peers import GATEWAYS, LABELS, OPERATOR, PODS, REACHES, gateways_only

if TYPE_CHECKING:
    Installation = Any
    Policies = list[dict[str, Any]]


@pytest.fixture(scope="module")
def policies(installation: Installation) -> Policies:
    found: Policies = installation.all("NetworkPolicy")
    return found


@pytest.fixture(scope="module")
def strict(policies: Policies) -> Policies:
    return gateways_only(policies)


@pytest.mark.parametrize(("target", "port"), REACHES)
def test_who_reaches_a_port(policies: Policies, target: str, port: str) -> None:
    found = {name for name, peer in PODS.items() if lets_in(policies, LABELS[target], port, peer)}
    assert found == REACHES[target, port]


def test_the_table_has_every_port_of_every_pod(installation: Installation) -> None:
    ports = set()
    for deployment in installation.all("Deployment"):
        template = deployment["spec"]["template"]
        (name,) = [name for name, labels in LABELS.items() if template["metadata"]["labels"] == labels]
        ports |= {(name, port["name"]) for one in template["spec"]["containers"] for port in one["ports"]}
    assert ports == REACHES.keys()


@pytest.mark.parametrize(("target", "port"), REACHES)
def test_with_gateways_only_nobody_else_asks_the_rate_limit_service(
    strict: Policies, target: str, port: str
) -> None:
    expected = {**REACHES, ("ratelimit", "grpc"): GATEWAYS}[target, port]
    assert {name for name, peer in PODS.items() if lets_in(strict, LABELS[target], port, peer)} == expected


def test_who_may_ask_is_who_may_be_pushed_to(strict: Policies) -> None:
    def peers(name: str, port: str) -> list[Any]:
        (policy,) = [one for one in strict if one["metadata"]["name"] == name]
        (rule,) = [one for one in policy["spec"]["ingress"] if one["ports"][0]["port"] == port]
        found: list[Any] = rule["from"]
        return found

    asking = peers("kuadrant-ratelimit", "grpc")
    assert peers("kuadrant-operator-controller-manager", "push") == [
        *asking,
        {"podSelector": {"matchLabels": OPERATOR}},
    ]


TARGETS = {
    "names (UDP)": (53, OUTSIDE, "UDP"),
    "names (TCP)": (53, OUTSIDE, "TCP"),
    "names on OpenShift (UDP)": (5353, pod("openshift-dns"), "UDP"),
    "names on OpenShift (TCP)": (5353, pod("openshift-dns"), "TCP"),
    "the API server's Service": (443, OUTSIDE, "TCP"),
    "the API server": (6443, OUTSIDE, "TCP"),
    "the API server of minikube": (8443, OUTSIDE, "TCP"),
    "the API server of MicroK8s": (16443, OUTSIDE, "TCP"),
    "modules of a replica": (8082, PODS["a replica of the operator"], "TCP"),
    "the push server of a replica": (8083, PODS["a replica of the operator"], "TCP"),
    "a store": (6379, OUTSIDE, "TCP"),
    "the rate limit service": (8081, PODS["a pod of the rate limit service"], "TCP"),
    "an application": (80, PODS["an application"], "TCP"),
    "an application on a port of ours": (8082, PODS["an application"], "TCP"),
    "a store by UDP": (6379, OUTSIDE, "UDP"),
    "what is outside": (80, OUTSIDE, "TCP"),
}
EVERYBODY = {name for name in TARGETS if name.startswith(("names", "the API server"))}
REACHED = {
    "operator": EVERYBODY | {"modules of a replica", "the push server of a replica"},
    "ratelimit": EVERYBODY | {"a store"},
}


@pytest.mark.parametrize("source", LABELS)
def test_whom_a_pod_of_ours_reaches(policies: Policies, source: str) -> None:
    reached = {
        name
        for name, (port, peer, protocol) in TARGETS.items()
        if lets_out(policies, LABELS[source], port, peer, protocol)
    }
    assert reached == REACHED[source]


def test_every_policy_holds_pods_of_ours_in_both_directions(
    policies: Policies, installation: Installation
) -> None:
    """In both, so that what no rule names is refused; and no pod of somebody else is held."""
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in installation.all("Deployment")]
    for policy in policies:
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert not selects(policy["spec"]["podSelector"], {"app": "limitador"})
    for labels in pods:
        (_,) = [one for one in policies if selects(one["spec"]["podSelector"], labels)]


def test_every_port_that_is_listened_on_is_one_of_the_pod(installation: Installation) -> None:
    operator = OperatorSettings(namespace="kuadrant-system")
    ratelimit = RatelimitSettings()
    listened = {
        "kuadrant-operator-controller-manager": {
            "metrics": operator.metrics_port,
            "probes": operator.probes_port,
            "wasm-shim": operator.wasm_port,
            "push": operator.push_port,
        },
        "kuadrant-ratelimit": {
            "grpc": ratelimit.port,
            "http": ratelimit.operations_port,
            "counters": ratelimit.counters_port,
        },
    }
    ports = {
        one["metadata"]["name"]: {
            port["name"]: port["containerPort"]
            for container in one["spec"]["template"]["spec"]["containers"]
            for port in container["ports"]
        }
        for one in installation.all("Deployment")
    }
    assert ports == listened
    # A setting that is a port and not in the table would be one that nobody has thought of.
    for settings, known in ((operator, 4), (ratelimit, 3)):
        assert len([name for name in vars(settings) if name.endswith("port")]) == known


def test_the_chart_holds_the_same_pods_by_the_same_rules(policies: Policies) -> None:
    """All but what values decide about: ports of what is not ours, and who may ask."""
    of_chart = {
        one["metadata"]["name"]: one["spec"] for one in templates.objects() if one["kind"] == "NetworkPolicy"
    }
    assert of_chart.keys() == {one["metadata"]["name"] for one in policies}
    for policy in policies:
        spec, chart = policy["spec"], of_chart[policy["metadata"]["name"]]
        assert chart["podSelector"] == spec["podSelector"]
        assert chart["policyTypes"] == spec["policyTypes"]
        assert [rule["ports"] for rule in chart["ingress"]] == [rule["ports"] for rule in spec["ingress"]]
        for ours, theirs in zip(spec["ingress"], chart["ingress"], strict=True):
            if ours["ports"][0]["port"] != "grpc":
                assert ours == theirs
        assert [
            rule for rule in chart["egress"] if rule["ports"] != [{"port": "value", "protocol": "TCP"}]
        ] == [rule for rule in spec["egress"] if rule["ports"][0]["port"] not in {443, 6379}]


def test_the_page_has_a_line_for_every_port(installation: Installation) -> None:
    page = (ROOT / "docs/network.md").read_text()
    for deployment in installation.all("Deployment"):
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            for port in container["ports"]:
                assert f"`{port['name']}` {port['containerPort']}" in page
