"""The pods of the rate limit service are asked through the API server; the key is read for values alone."""

from __future__ import annotations

import base64

import httpx2
import msgspec
import pytest

from kuadrant.api.counter_page import PROOF_HEADER, CounterPage, is_proof
from kuadrant.kube.client import RequestError
from kuadrant.operations import UID_HEADER
from kuadrant.operator_client.counters import Counters, cluster_counters, policies_instead
from tests.unit.kube.http_server import Request, Response, serve

KEY = b"k" * 32
NOW = 1_000.0
PAGE = CounterPage(counted=3)


POLICIES = "/apis/kuadrant.io/v1/namespaces/a/ratelimitpolicies"


class ApiServer:
    """Two pods, of which the second is not there; ``busy`` answers are given first."""

    def __init__(self, *, busy: int = 0, secret: int = 200) -> None:
        self.asked: list[Request] = []
        self._busy = busy
        self._secret = secret

    async def __call__(self, request: Request, response: Response) -> None:
        self.asked.append(request)
        if request.path.startswith(POLICIES):
            there = [{"metadata": {"name": name}} for name in ("toys", "cars")]
            name = request.path.removeprefix(POLICIES).strip("/")
            known = not name or name in ("toys", "cars")
            await response.json(200 if known else 404, {"items": there} if not name else {"kind": "Status"})
            return
        if request.path == "/api/v1/namespaces/ns/pods":
            assert request.parameters["labelSelector"] == "app=kuadrant,control-plane=ratelimit"
            pods = [
                {
                    "metadata": {"namespace": "ns", "name": name, "uid": f"uid-of-{name}"},
                    "spec": {"containers": [{"ports": [{"name": "counters", "containerPort": 9000}]}]},
                    "status": {"phase": "Running"},
                }
                for name in ("one", "two")
            ]
            await response.json(200, {"items": pods})
        elif request.path.startswith("/api/v1/namespaces/ns/pods/one:9000/proxy/counters"):
            assert request.headers[UID_HEADER] == "uid-of-one"
            self._busy -= 1
            await response.json(200, {"busy": True} if self._busy >= 0 else msgspec.json.encode(PAGE))
        elif request.path.endswith("/secrets/kuadrant-ratelimit-key"):
            body = {"data": {"current": base64.b64encode(KEY).decode()}, "message": "forbidden"}
            await response.json(self._secret, body)
        else:
            await response.json(503, {"kind": "Status", "message": "connection refused"})


async def _asked(server: ApiServer, *, values: bool = False) -> Counters:
    async with serve(server) as url, httpx2.AsyncClient(base_url=url) as client:
        return await cluster_counters(client, "ns", "a/b", 7, now=(lambda: NOW) if values else None)


async def test_each_pod_says_its_own_and_one_that_cannot_be_asked_is_named() -> None:
    server = ApiServer()
    told = (await _asked(server)).pods
    assert isinstance(one := told["one"], CounterPage)
    assert one.counted == 3
    assert str(told["two"]).startswith("cannot be asked: ")
    assert not any("secrets" in request.path or PROOF_HEADER in request.headers for request in server.asked)


async def test_a_pod_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kuadrant.operator_client.counters._PAUSE_SECONDS", 0.0)
    assert isinstance((await _asked(ApiServer(busy=2))).pods["one"], CounterPage)
    assert (await _asked(ApiServer(busy=99))).pods["one"] == "others ask all the time"


async def test_for_values_the_key_is_proven() -> None:
    server = ApiServer()
    await _asked(server, values=True)
    (shown,) = (one.headers[PROOF_HEADER] for one in server.asked if "/one:" in one.path)
    assert is_proof(shown, (KEY,), "uid-of-one", NOW)


async def test_who_may_not_read_the_key_is_told() -> None:
    with pytest.raises(RequestError, match="kuadrant-ratelimit-key"):
        await _asked(ApiServer(secret=403), values=True)


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        pytest.param("a/toys", None, id="it is there"),
        pytest.param("a/nope", ("a/cars", "a/toys"), id="others are there"),
        pytest.param("b/toys", None, id="the API server does not tell"),
    ],
)
async def test_of_a_policy_that_is_not_there_those_of_its_namespace_are_told(
    policy: str, told: tuple[str, ...] | None
) -> None:
    async with serve(ApiServer()) as url, httpx2.AsyncClient(base_url=url) as client:
        assert await policies_instead(client, policy) == told
