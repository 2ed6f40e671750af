"""The objects of a cluster are listed and nothing else, and requests get what its gateways do."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import yaml

from kuadrant.explanation import ClientRequest, Configuration, Explanation
from kuadrant.kube.client import RequestError
from kuadrant.operator.cluster_configuration import NO_KUADRANT, configured, read_cluster
from kuadrant.standalone import folder_files
from kuadrant.topology import text, topology
from kuadrant.wasm.catalogue import current
from tests.unit.kube.http_server import Request, Response, serve
from tests.unit.operator.example import CLASS, EXAMPLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_CREATE = ClientRequest(url="http://api.toystore.com/toys", method="POST")
_PLURALS = {"Kuadrant": "kuadrants", "RateLimitPolicy": "ratelimitpolicies", "GatewayClass": "gatewayclasses"}


def _example() -> list[dict[str, Any]]:
    texts = [file.text for file in folder_files.read(EXAMPLE)]
    return [one for text in (*texts, CLASS) for one in yaml.safe_load_all(text)]


class _ApiServer:
    """Lists documents, two a page; ``refused`` are kinds that may not be listed."""

    def __init__(self, documents: list[dict[str, Any]], refused: frozenset[str] = frozenset()) -> None:
        self.asked: list[str] = []
        self._refused = refused
        self._items: dict[str, list[dict[str, Any]]] = {}
        for number, document in enumerate(documents):
            kind = document["kind"]
            metadata = {"namespace": "default", **document["metadata"], "resourceVersion": str(number)}
            status = document.get("status", {"a": 1})
            plural = _PLURALS.get(kind, f"{kind.lower()}s")
            self._items.setdefault(plural, []).append({**document, "metadata": metadata, "status": status})

    async def __call__(self, request: Request, response: Response) -> None:
        self.asked.append(f"{request.method} {request.path}")
        plural = request.path.rpartition("/")[2]
        if plural in self._refused:
            body = {"kind": "Status", "code": 403, "message": f"{plural} is forbidden"}
            await response.json(403, body)
            return
        start = int(request.parameters.get("continue", "0"))
        items = self._items.get(plural, [])
        more = str(start + 2) if len(items) > start + 2 else ""
        await response.json(
            200, {"metadata": {"resourceVersion": "9", "continue": more}, "items": items[start : start + 2]}
        )

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        async with serve(self) as address, httpx2.AsyncClient(base_url=address) as client:
            yield client


async def _configuration(*more: dict[str, Any], without: str = "") -> Configuration:
    documents = [one for one in (*_example(), *more) if one["kind"] != without]
    async with _ApiServer(documents).client() as client:
        return configured(await read_cluster(client), current(None), "deny")


def _explained(configuration: Configuration, times: int = 1, request: ClientRequest = _CREATE) -> Explanation:
    return configuration.explain(request, times=times).explanation


async def test_a_cluster_is_only_listed() -> None:
    server = _ApiServer(_example())
    async with server.client() as client:
        await read_cluster(client)
    assert all(one.startswith("GET /") for one in server.asked)
    assert {one.rpartition("/")[2] for one in server.asked} == {
        *("gatewayclasses", "gateways", "httproutes", "grpcroutes"),
        *("namespaces", "kuadrants", "ratelimitpolicies"),
    }


async def test_a_request_gets_what_the_policies_of_the_cluster_say() -> None:
    found = _explained(await _configuration(), times=6)
    assert (found.outcome, found.limited_by, found.notes) == ("limited", ("create-toy",), ())
    origin = found.limits[0].origin
    assert (str(origin), origin.field) == ("RateLimitPolicy default/toystore", "spec.limits.create-toy")


async def test_lists_are_read_to_their_end() -> None:
    policy = next(one for one in _example() if one["kind"] == "RateLimitPolicy")
    more = [
        {**policy, "metadata": {"name": f"other-{number}"}, "spec": {**policy["spec"], "targetRef": {
            **policy["spec"]["targetRef"], "name": f"route-{number}"}}}
        for number in range(4)
    ]  # fmt: skip
    configuration = await _configuration(*more)
    assert len(configuration.compilation.policies) == 5


async def test_a_policy_that_is_refused_says_why() -> None:
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "toystore"}
    limits = {"all": {"rates": [{"limit": 1, "window": "1s"}], "when": [{"predicate": "nonsense"}]}}
    refused = {
        "apiVersion": "kuadrant.io/v1",
        "kind": "RateLimitPolicy",
        "metadata": {"name": "refused"},
        "spec": {"targetRef": target, "limits": limits},
    }
    found = _explained(await _configuration(refused))
    (other,) = (one for one in found.policies if one.policy == "default/refused")
    assert not other.accepted
    assert "undeclared reference to 'nonsense'" in other.because


async def test_without_a_kuadrant_it_is_said_that_nothing_is_enforced() -> None:
    assert _explained(await _configuration(without="Kuadrant")).notes == (NO_KUADRANT,)


async def test_what_a_provider_does_besides_is_not_taken_for_a_failure() -> None:
    route = next(one for one in _example() if one["kind"] == "HTTPRoute")
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "toystore", "port": 80}}}
    rules = [{**rule, "filters": [mirror]} for rule in route["spec"]["rules"]]
    mirrored = {**route, "spec": {**route["spec"], "rules": rules}}
    found = _explained(await _configuration(mirrored, without="none"))
    assert found.client is not None
    assert found.client.status is None


async def test_limits_of_another_port_are_told() -> None:
    gateway = next(one for one in _example() if one["kind"] == "Gateway")
    listeners = [*gateway["spec"]["listeners"], {"name": "other", "port": 8080, "protocol": "HTTP"}]
    both = {**gateway, "spec": {**gateway["spec"], "listeners": listeners}}
    configuration = await _configuration(both)
    request = ClientRequest(url="http://api.toystore.com:8080/toys", method="POST")
    (note,) = _explained(configuration, request=request).notes
    assert "what another port limits is limited here, too" in note
    assert _explained(configuration).notes == ()


async def test_what_may_not_be_listed_is_named() -> None:
    async with _ApiServer(_example(), frozenset({"gateways"})).client() as client:
        with pytest.raises(RequestError, match=r"GET .*/gateways\?limit=500: 403 gateways is forbidden"):
            await read_cluster(client)


async def test_a_topology_has_what_statuses_say_beside_what_objects_do() -> None:
    documents = _example()
    (policy,) = (one for one in documents if one["kind"] == "RateLimitPolicy")
    enforced = {"type": "Enforced", "status": "False", "reason": "Unknown", "message": "waiting"}
    policy["status"] = {"conditions": [enforced]}
    async with _ApiServer(documents).client() as client:
        shown = text(topology(configured(await read_cluster(client), current(None), "deny")))
    assert "RateLimitPolicy default/toystore: in effect; Enforced=False (Unknown)" in shown


async def test_a_status_that_is_no_status_is_none() -> None:
    documents = _example()
    for document in documents:
        document["status"] = {"conditions": "sunny"}
    async with _ApiServer(documents).client() as client:
        assert configured(await read_cluster(client), current(None), "deny").conditions == {
            "default/toystore": ()
        }
