"""The toystore in the lab: what is applied, said and asked on the walk."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from lab.images import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.conftest import Lab

SERVICE = (
    "http://kuadrant-operator-controller-manager-wasm-shim-service.kuadrant-system.svc.cluster.local:8082"
)
"""Where modules are served."""

KUADRANT = """
apiVersion: kuadrant.io/v1beta1
kind: Kuadrant
metadata: {name: kuadrant}
spec: {}
"""

_ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: toystore}
spec:
  parentRefs: [GATEWAYS]
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

# One request is let through, and no other in the time of any test.
STRICT = POLICY.replace("{limit: 5, duration: 10, unit: second}", "{limit: 1, duration: 1, unit: day}")


@dataclass(frozen=True, kw_only=True)
class Provided:
    """The gateway of a provider in the lab, and the objects by which it is told what to do.

    ``kind`` is the one that names the module; in it ``url`` and ``sha256`` are JSON paths. ``objects`` are
    all kinds. ``cluster`` is the name of the object with the rate limit service's cluster, ``asking`` the
    kind of the one by which the gateway asks us.
    """

    namespace: str
    gateway: str
    kind: str
    url: str
    sha256: str
    objects: str
    cluster: str
    asking: str

    @property
    def plugin(self) -> tuple[str, ...]:
        """The command that asks for the object with the module, up to the form of the answer."""
        return ("kubectl", "get", self.kind, f"kuadrant-{self.gateway}", "-n", self.namespace, "-o")

    @property
    def route(self) -> str:
        """The example's route, attached to the gateway."""
        return route(self)


def route(*provided: Provided) -> str:
    """The example's route, attached to these gateways."""
    gateways = (f"{{name: {one.gateway}, namespace: {one.namespace}}}" for one in provided)
    return _ROUTE.replace("GATEWAYS", ", ".join(gateways))


ISTIO = Provided(
    namespace="istio-system",
    gateway="istio-ingressgateway",
    kind="wasmplugin",
    url="jsonpath={.spec.url}",
    sha256="jsonpath={.spec.sha256}",
    objects="wasmplugin,envoyfilter",
    cluster="kuadrant-ratelimiting-cluster-istio-ingressgateway",
    asking="envoyfilter",
)
ENVOY_GATEWAY = Provided(
    namespace="gateway-system",
    gateway="kuadrant-ingressgateway",
    kind="envoyextensionpolicy",
    url="jsonpath={.spec.wasm[0].code.http.url}",
    sha256="jsonpath={.spec.wasm[0].code.http.sha256}",
    objects="envoyextensionpolicy,envoypatchpolicy",
    cluster="kuadrant-ratelimiting-kuadrant-ingressgateway",
    asking="envoypatchpolicy",
)

IN_EVERY_WAY = pytest.mark.parametrize(
    "walk",
    [
        pytest.param((ISTIO, "pull"), id="Istio, pull"),
        pytest.param((ISTIO, "push"), id="Istio, push"),
        pytest.param((ENVOY_GATEWAY, "pull"), id="Envoy Gateway, pull"),
        pytest.param((ENVOY_GATEWAY, "push"), id="Envoy Gateway, push"),
    ],
    indirect=True,
)
"""For each provider's gateway that pulls and that is pushed to."""

BOTH = pytest.mark.parametrize(
    "walk",
    [
        pytest.param((ISTIO, "pull"), id="Istio, pull"),
        pytest.param((ENVOY_GATEWAY, "push"), id="Envoy Gateway, push"),
    ],
    indirect=True,
)
"""For a gateway of each provider, for what the way of delivery cannot change."""


class Walk:
    """What is said and asked on the way."""

    def __init__(self, lab: Lab, provided: Provided = ISTIO, delivery: str = "pull") -> None:
        self.lab = lab
        self.provided = provided
        self.delivery = delivery
        gateway = ("kubectl", "get", "gtw", provided.gateway, "-n", provided.namespace, "-o")
        host = lab.run(*gateway, "jsonpath={.status.addresses[0].value}")
        port = lab.run(*gateway, 'jsonpath={.spec.listeners[?(@.name=="http")].port}')
        self.url = f"http://{host}:{port}/toys"

    def apply(self, text: str, *options: str) -> None:
        self.lab.run("bash", "-c", f"kubectl apply {' '.join(options)} -f - <<'EOF'\n{text}\nEOF")

    def status(self, *options: str) -> str:
        """The status of one request."""
        (status,) = self.statuses(1, *options)
        return status

    def statuses(self, number: int, *options: str) -> list[str]:
        """The statuses of requests right after each other."""
        # One curl for all, which asks again for each value: its start can take longer than a request.
        command = ("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}\\n")
        url = f"{self.url}?n=[1-{number}]"
        return self.lab.run(*command, "-H", "Host: api.toystore.com", url, *options).split()

    def deliver(self, way: str) -> None:
        """Say how the gateway is to get the module; pull is what it does by itself."""
        self.delivery = way
        annotation = f"kuadrant.io/wasm-delivery{'-' if way == 'pull' else f'={way}'}"
        gateway = ("gtw", self.provided.gateway, "-n", self.provided.namespace)
        self.lab.run("kubectl", "annotate", "--overwrite", *gateway, annotation)

    @property
    def loader(self) -> tuple[str, str]:
        """Kind and name of the object by which the gateway gets the module."""
        one = self.provided
        if self.delivery == "push":
            return (one.asking, f"kuadrant-push-{one.gateway}")
        return (one.kind, f"kuadrant-{one.gateway}")

    def running(self) -> set[str]:
        """The modules (SHA-256) that the gateway is known to have.

        Those that it was told, or that its pods say they run.
        """
        if self.delivery == "pull":
            found = self.lab.attempt(*self.provided.plugin, self.provided.sha256)
            return {found.stdout.strip()} if found.returncode == 0 else set()
        report = self.report()
        assert report.get("delivery", "push") == "push"
        return {(pod["running"] or {}).get("sha256", "") for pod in report["pods"] if pod["ready"]}

    def report(self) -> dict[str, Any]:
        """What is known of the gateway, as a program is shown; no pods if nothing is known."""
        command = (sys.executable, "-m", "kuadrant", "status", "gateway", self.provided.gateway)
        found = self.lab.attempt(*command, "--output", "json")
        if found.returncode:
            return {"pods": []}
        (report,) = json.loads(found.stdout)["gateways"]
        return dict(report)

    def objects(self) -> list[str]:
        """The names of what the gateway is told by, as ``kind/name``."""
        return self.lab.run("kubectl", "get", self.provided.objects, "-A", "-o", "name").split()

    def enforced(self, field: str = "status") -> str:
        """A field of the policy's condition Enforced."""
        path = f"jsonpath={{.status.conditions[?(@.type=='Enforced')].{field}}}"
        return self.lab.run("kubectl", "get", "ratelimitpolicy", "toystore", "-o", path)


def wait(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.1)


@contextmanager
def walking(lab: Lab, provided: Provided = ISTIO, *more: Provided, delivery: str = "pull") -> Iterator[Walk]:
    """An installation with the toystore's application, its route, and no policy.

    The route is behind one or ``more`` gateways.
    """
    walks = [Walk(lab, one) for one in (provided, *more)]
    one = walks[0]
    try:
        one.apply(KUADRANT, "-n", "kuadrant-system")
        lab.run("kubectl", "apply", "-f", str(ROOT / "examples/toystore/toystore.yaml"))
        one.apply(route(provided, *more))
        for walk in walks if delivery == "push" else ():
            walk.deliver(delivery)
        lab.run("kubectl", "rollout", "status", "deployment/toystore", "--timeout=60s")
        wait(lambda: all(walk.status() == "200" for walk in walks))
        yield one
    finally:
        for walk in walks if delivery == "push" else ():
            walk.deliver("pull")
        kinds = "httproute,ratelimitpolicy,deployment,service"
        lab.run("kubectl", "delete", kinds, "toystore", "--ignore-not-found")
        let_go(lab)


def let_go(lab: Lab) -> None:
    """Delete the Kuadrant by force, with nobody to whom a request could fail meanwhile."""
    kuadrant = ("kuadrant", "kuadrant", "-n", "kuadrant-system")
    lab.run("kubectl", "delete", *kuadrant, "--ignore-not-found", "--wait=false")
    lab.attempt("kubectl", "patch", *kuadrant, "--type=merge", '--patch={"metadata":{"finalizers":null}}')
    lab.run("kubectl", "wait", "--for=delete", *kuadrant, "--timeout=60s")
