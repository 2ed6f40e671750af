"""Replicas are asked through the API server, and addresses become pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import pytest

from kuadrant.kube.client import RequestError
from kuadrant.operations import UID_HEADER
from kuadrant.operator_client.module_fetches import Line, merged, module_fetches
from kuadrant.wasm.gateway_fetches import Record
from tests.unit.kube.http_server import serve

if TYPE_CHECKING:
    from tests.unit.kube.http_server import Request, Response

SHA256 = "ab" * 32
RECORD = Record(
    peer="10.88.0.7", client="gateway", sha256=SHA256, version="0.2.0", status=200, count=1, seconds=5.0
)
LINE = Line(
    pod="istio-system/gateway",
    client="gateway",
    version="0.2.0",
    sha256=SHA256,
    status=200,
    count=3,
    seconds=2.0,
)


def pod(
    namespace: str, name: str, address: str, *, phase: str = "Running", port: int | None = None
) -> dict[str, Any]:
    ports = [] if port is None else [{"name": "probes", "containerPort": port}]
    return {
        "metadata": {"namespace": namespace, "name": name, "uid": f"uid-of-{name}"},
        "spec": {"containers": [{"ports": ports}]},
        "status": {"phase": phase, "podIP": address},
    }


OPERATORS = [
    pod("kuadrant-system", "one", "10.88.0.2", port=9000),
    pod("kuadrant-system", "two", "10.88.0.3"),
]
OTHERS = [
    pod("istio-system", "gateway", "10.88.0.7"),
    pod("istio-system", "gone", "10.88.0.8", phase="Succeeded"),
]


class ApiServer:
    """Pods, and what each replica says of its fetches; None is one that is not there."""

    def __init__(self, *told: list[Record] | None) -> None:
        self.told = dict(zip(("one:9000", "two:8081"), told, strict=True))

    async def __call__(self, request: Request, response: Response) -> None:
        parts = request.path.split("/")
        if request.path == "/api/v1/pods":
            await response.json(200, {"items": OPERATORS + OTHERS})
        elif request.path == "/api/v1/namespaces/kuadrant-system/pods":
            assert request.parameters["labelSelector"] == "app=kuadrant,control-plane=controller-manager"
            await response.json(200, {"items": OPERATORS})
        elif request.path.endswith("/proxy/fetches") and self.told[parts[6]] is not None:
            assert request.headers[UID_HEADER] == f"uid-of-{parts[6].partition(':')[0]}"
            await response.json(200, msgspec.json.encode(self.told[parts[6]]))
        else:
            await response.json(503, {"kind": "Status", "message": "connection refused"})


async def test_all_replicas_are_asked_and_their_answers_put_together() -> None:
    later = msgspec.structs.replace(RECORD, count=2, seconds=2.0)
    async with serve(ApiServer([RECORD], [later])) as url, httpx2.AsyncClient(base_url=url) as client:
        answer = await module_fetches(client, "kuadrant-system")

    assert answer.lines == (LINE,)
    assert (answer.problems, answer.replicas) == ((), 2)


async def test_a_replica_that_cannot_be_asked_is_named() -> None:
    async with serve(ApiServer([RECORD], None)) as url, httpx2.AsyncClient(base_url=url) as client:
        answer = await module_fetches(client, "kuadrant-system")

    assert [line.count for line in answer.lines] == [1]
    (problem,) = answer.problems
    assert problem.startswith("replica two cannot be asked: ")
    assert problem.endswith("503 connection refused")


async def test_what_is_no_api_server_is_told() -> None:
    async def page(_: Request, response: Response) -> None:
        await response.json(200, b"<html>")

    async with serve(page) as url, httpx2.AsyncClient(base_url=url) as client:
        with pytest.raises(RequestError, match="no list of pods came"):
            await module_fetches(client, "kuadrant-system")


def test_an_address_that_no_pod_has_stays_one() -> None:
    lines = merged([RECORD, msgspec.structs.replace(RECORD, peer="192.168.1.5", seconds=9.0)], {})

    assert [line.pod for line in lines] == ["10.88.0.7", "192.168.1.5"]
