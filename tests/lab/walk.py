"""The toystore in the lab: what is applied, said and asked on the walk."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lab.images import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.conftest import Lab

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
        (status,) = self.statuses(1, *options)
        return status

    def statuses(self, number: int, *options: str) -> list[str]:
        """The statuses of requests right after each other."""
        # One curl for all, which asks again for each value: its start can take longer than a request.
        command = ("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}\\n")
        url = f"{self.url}?n=[1-{number}]"
        return self.lab.run(*command, "-H", "Host: api.toystore.com", url, *options).split()

    def enforced(self) -> str:
        path = "jsonpath={.status.conditions[?(@.type=='Enforced')].status}"
        return self.lab.run("kubectl", "get", "ratelimitpolicy", "toystore", "-o", path)


def wait(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.1)


@contextmanager
def walking(lab: Lab) -> Iterator[Walk]:
    """An installation with the toystore's application and route, without a policy."""
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
