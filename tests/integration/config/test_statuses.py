"""Gateway API's kinds take what is said on Gateways and routes.

It stands beside what their own controller says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.status import Affected, gateway_status, route_status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.config.conftest import Server

GROUP = "gateway.networking.k8s.io/v1"
BEFORE, NOW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
GATEWAY = {
    "apiVersion": GROUP,
    "kind": "Gateway",
    "metadata": {"name": "gw"},
    "spec": {"gatewayClassName": "istio", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}]},
}
ROUTE = {
    "apiVersion": GROUP,
    "kind": "HTTPRoute",
    "metadata": {"name": "route"},
    "spec": {"parentRefs": [{"name": "gw"}]},
}
ACCEPTED = {
    "type": "Accepted",
    "status": "True",
    "reason": "Accepted",
    "message": "",
    "observedGeneration": 1,
    "lastTransitionTime": BEFORE,
}
GATEWAY_STATUS = {
    "conditions": [ACCEPTED],
    # A listener that its controller says nothing of yet: its list of conditions must not become null.
    "listeners": [{"name": "a", "attachedRoutes": 1, "supportedKinds": [], "conditions": []}],
}
ROUTE_STATUS = {
    "parents": [
        {
            "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"},
            "controllerName": "istio.io/gateway-controller",
            "conditions": [ACCEPTED],
        }
    ]
}
EVERYBODY = Affected(
    gateways={"default/gw": ("default/p",)},
    listeners={("default/gw", "a"): ("default/p",)},
    routes={("HTTPRoute", "default/route"): {"default/gw": ("default/p",)}},
)
NOBODY = Affected({}, {}, {})


class Target:
    """One object whose status is written as a whole, at the version that was read."""

    def __init__(self, server: Server, plural: str, document: dict[str, Any]) -> None:
        self._server = server
        self._collection = f"/apis/{GROUP}/namespaces/default/{plural}"
        self.path = f"{self._collection}/{document['metadata']['name']}"
        server.http.post(self._collection, json=document).raise_for_status()

    def read(self) -> dict[str, Any]:
        document: dict[str, Any] = self._server.http.get(self.path).raise_for_status().json()
        return document

    def tell(self, status: dict[str, Any]) -> None:
        version = self.read()["metadata"]["resourceVersion"]
        self._server.http.patch(
            f"{self.path}/status",
            json={"metadata": {"resourceVersion": version}, "status": status},
            headers={"content-type": "application/merge-patch+json"},
        ).raise_for_status()


@pytest.fixture
def gateway(server: Server) -> Iterator[Target]:
    target = Target(server, "gateways", GATEWAY)
    target.tell(GATEWAY_STATUS)
    yield target
    server.http.delete(target.path)


@pytest.fixture
def route(server: Server) -> Iterator[Target]:
    target = Target(server, "httproutes", ROUTE)
    target.tell(ROUTE_STATUS)
    yield target
    server.http.delete(target.path)


def test_a_gateway_is_told_once_and_then_no_more(gateway: Target) -> None:
    before = gateway.read()["status"]
    told = gateway_status(gateway.read(), EVERYBODY, NOW)
    assert told is not None
    gateway.tell(told)
    assert gateway_status(gateway.read(), EVERYBODY, NOW) is None
    back = gateway_status(gateway.read(), NOBODY, NOW)
    assert back is not None
    gateway.tell(back)
    assert gateway.read()["status"] == before


def test_a_route_is_told_once_and_then_no_more(route: Target) -> None:
    before = route.read()["status"]
    told = route_status(route.read(), EVERYBODY, NOW)
    assert told is not None
    route.tell(told)
    assert route_status(route.read(), EVERYBODY, NOW) is None
    back = route_status(route.read(), NOBODY, NOW)
    assert back is not None
    route.tell(back)
    assert route.read()["status"] == before
