"""Every pod of the rate limit service is followed by itself, through the API server."""

from __future__ import annotations

import base64

import httpx2
import msgspec

from kuadrant.api.counter_page import PROOF_HEADER, is_proof
from kuadrant.api.decision_page import DecisionPage, DecisionQuestion, ReportedDecision
from kuadrant.operations import UID_HEADER
from kuadrant.operator_client.decisions import FollowedPods
from tests.unit.kube.http_server import Request, Response, serve

KEY = b"k" * 32
NOW = 1_000.0
ASKED = DecisionQuestion(policy="ns/p", headers=("x-user", "x-plan"))


class ApiServer:
    """Two pods, each with numbers of its own; the second one does not answer at first."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.numbers = {"one": 10, "two": 500}
        self.silent = {"two"}

    async def __call__(self, request: Request, response: Response) -> None:
        self.asked.append(request)
        if request.path == "/api/v1/namespaces/ns/pods":
            pods = [
                {
                    "metadata": {"namespace": "ns", "name": name, "uid": f"uid-{name}"},
                    "status": {"phase": "Running"},
                }
                for name in self.numbers
            ]
            await response.json(200, {"items": pods})
        elif request.path.endswith("/secrets/kuadrant-ratelimit-key"):
            await response.json(200, {"data": {"current": base64.b64encode(KEY).decode()}})
        else:
            name = request.path.rpartition("/pods/")[2].partition(":")[0]
            if name in self.silent:
                self.silent.clear()
                await response.json(503, {"kind": "Status", "message": "connection refused"})
                return
            assert request.headers[UID_HEADER] == f"uid-{name}"
            self.numbers[name] += 1
            decisions = (ReportedDecision(verdict="allowed", path=request.parameters.get("after", "begin")),)
            page = DecisionPage(decisions=decisions, next=self.numbers[name])
            await response.json(200, msgspec.json.encode(page))


async def test_each_goes_on_where_it_was_and_one_that_is_silent_is_named() -> None:
    server = ApiServer()
    async with serve(server) as url, httpx2.AsyncClient(base_url=url) as client:
        followed = FollowedPods(client, "ns")
        first, second, third = [await followed.ask(ASKED) for _ in range(3)]

    assert str(first["two"]).startswith("cannot be asked: ")
    told = [
        [page.decisions[0].path for page in pages.values() if isinstance(page, DecisionPage)]
        for pages in (first, second, third)
    ]
    assert told == [["begin"], ["11", "begin"], ["12", "501"]]
    question = server.asked[-1].parameters
    assert (question["policy"], question["headers"]) == ("ns/p", "x-user,x-plan")
    assert not any("secrets" in one.path or PROOF_HEADER in one.headers for one in server.asked)


async def test_for_values_the_key_is_read_once_and_proven_to_each() -> None:
    server = ApiServer()
    async with serve(server) as url, httpx2.AsyncClient(base_url=url) as client:
        followed = FollowedPods(client, "ns", now=lambda: NOW)
        await followed.ask(ASKED)
        await followed.ask(ASKED)

    shown = {one.headers[PROOF_HEADER] for one in server.asked if "/one:" in one.path}
    assert all(is_proof(one, (KEY,), "uid-one", NOW) for one in shown)
    assert len([one for one in server.asked if "secrets" in one.path]) == 1
