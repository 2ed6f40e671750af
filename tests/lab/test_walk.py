"""The walk: what people have written into their scripts, command by command."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab.conftest import ROOT, Lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KUADRANT = """
apiVersion: kuadrant.io/v1beta1
kind: Kuadrant
metadata: {name: kuadrant}
spec: {}
"""

ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: toystore}
spec:
  parentRefs: [{name: istio-ingressgateway, namespace: istio-system}]
  hostnames: [api.toystore.com]
  rules:
  - matches: [{method: GET, path: {type: PathPrefix, value: "/toys"}}]
    backendRefs: [{name: toystore, port: 80}]
  - matches: [{method: POST, path: {type: Exact, value: "/toys"}}]
    backendRefs: [{name: toystore, port: 80}]
"""

POLICY = """
apiVersion: kuadrant.io/v1beta2
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits:
    "create-toy":
      rates: [{limit: 5, duration: 10, unit: second}]
      routeSelectors:
      - matches: [{method: POST, path: {type: Exact, value: "/toys"}}]
"""

PLUGIN = ("kubectl", "get", "wasmplugin", "kuadrant-istio-ingressgateway", "-n", "istio-system", "-o")
SERVICE = (
    "http://kuadrant-operator-controller-manager-wasm-shim-service.kuadrant-system.svc.cluster.local:8082"
)


class Walk:
    """What is said and asked on the way."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        gateway = ("kubectl", "get", "gtw", "istio-ingressgateway", "-n", "istio-system", "-o")
        host = lab.run(*gateway, "jsonpath={.status.addresses[0].value}")
        port = lab.run(*gateway, 'jsonpath={.spec.listeners[?(@.name=="http")].port}')
        self.url = f"http://{host}:{port}/toys"

    def apply(self, text: str, *options: str) -> None:
        self.lab.run("bash", "-c", f"kubectl apply {' '.join(options)} -f - <<'EOF'\n{text}\nEOF")

    def status(self, *options: str) -> str:
        """The status of one request."""
        command = ("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}")
        return self.lab.run(*command, "-H", "Host: api.toystore.com", self.url, *options)

    def enforced(self) -> str:
        path = "jsonpath={.status.conditions[?(@.type=='Enforced')].status}"
        return self.lab.run("kubectl", "get", "ratelimitpolicy", "toystore", "-o", path)


def wait(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def walk(lab: Lab) -> Iterator[Walk]:
    one = Walk(lab)
    one.apply(KUADRANT, "-n", "kuadrant-system")
    lab.run("kubectl", "apply", "-f", str(ROOT / "examples/toystore/toystore.yaml"))
    one.apply(ROUTE)
    lab.run("kubectl", "rollout", "status", "deployment/toystore", "--timeout=60s")
    wait(lambda: one.status() == "200")
    yield one
    lab.run(
        "kubectl", "delete", "httproute,ratelimitpolicy,deployment,service", "toystore", "--ignore-not-found"
    )
    lab.run("kubectl", "delete", "kuadrant", "kuadrant", "-n", "kuadrant-system")


def test_five_of_ten_seconds_are_let_through_and_get_is_never_limited(walk: Walk) -> None:
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True")
    wait(lambda: walk.status("-X", "POST") == "429", 15)
    wait(lambda: walk.status("-X", "POST") == "200", 15)  # the first of a new window

    assert [walk.status("-X", "POST") for _ in range(7)] == ["200"] * 4 + ["429"] * 3
    assert {walk.status() for _ in range(10)} == {"200"}


def test_the_plugin_names_the_bytes_that_are_served_and_logged(walk: Walk) -> None:
    url = walk.lab.run(*PLUGIN, "jsonpath={.spec.url}")
    sha256 = walk.lab.run(*PLUGIN, "jsonpath={.spec.sha256}")
    logs = walk.lab.run(
        "kubectl", "logs", "deployment/kuadrant-operator-controller-manager", "-n", "kuadrant-system"
    )
    served = walk.lab.run("bash", "-c", f"curl --silent --fail '{url}' | sha256sum").partition(" ")[0]

    assert url == f"{SERVICE}/kuadrant-wasm-shim?sha256={sha256}"
    assert served == sha256
    (line,) = [line for line in logs.splitlines() if "sha256" in line and "wasm-shim\t" in line]
    time_, level, logger, message, values = line.split("\t")
    assert (level, logger, message, json.loads(values)) == (
        "INFO",
        "kuadrant-operator",
        "wasm-shim",
        {"sha256": sha256},
    )
    assert time_.endswith("Z")
    module = ROOT / "src/kuadrant/wasm/modules/kuadrant-wasm-shim.wasm"
    assert hashlib.sha256(module.read_bytes()).hexdigest() == sha256


def test_what_is_deleted_comes_back(walk: Walk) -> None:
    before = walk.lab.run(*PLUGIN, "jsonpath={.metadata.uid}")
    walk.lab.run("kubectl", "delete", "wasmplugin", "kuadrant-istio-ingressgateway", "-n", "istio-system")

    def is_back() -> bool:
        found = walk.lab.attempt(*PLUGIN, "jsonpath={.metadata.uid}")
        return found.returncode == 0 and found.stdout.strip() not in ("", before)

    wait(is_back, 10)


def test_without_a_policy_nothing_of_ours_is_left_at_the_gateway(walk: Walk) -> None:
    walk.lab.run("kubectl", "delete", "ratelimitpolicy", "toystore")

    wait(lambda: walk.lab.run("kubectl", "get", "wasmplugin,envoyfilter", "-A", "-o", "name") == "")
    wait(lambda: [walk.status("-X", "POST") for _ in range(7)] == ["200"] * 7)
