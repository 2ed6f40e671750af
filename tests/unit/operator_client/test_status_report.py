"""The replica that leads is asked; what is known of fetches is added where gateways pull."""

from __future__ import annotations

import re

import httpx2
import msgspec
import pytest

from kuadrant.api.limit_calls import CallTotals, LimitCalls, ScopeCalls
from kuadrant.kube.client import RequestError
from kuadrant.operator_client.status_report import status_report
from kuadrant.status import (
    Content,
    GatewayReport,
    PolicyReport,
    Report,
    ShadowReport,
    SoftReport,
    chosen,
    report_text,
)
from kuadrant.status.gateway_report import PodLine
from kuadrant.wasm.gateway_fetches import Record
from tests.unit.kube.http_server import Request, Response, serve

SHA256 = "ab" * 32
LINE = PodLine(pod="ns/gw-1", ready=True, wanted=Content(SHA256, ""))
PULLING = GatewayReport(gateway="ns/gw", provider="istio", delivery="pull", limited=True, pods=(LINE,))
PUSHED = msgspec.structs.replace(PULLING, delivery="push")
FOLLOWS = Report(leads=False)
RECORD = Record(peer="10.0.0.7", client="envoy", sha256=SHA256, version="1", status=200, count=1, seconds=5.0)
NOW = 1_000.0


class ApiServer:
    """Pods of the operator, and what each says; None is one that cannot be asked."""

    def __init__(self, *reports: Report | None) -> None:
        self.reports = {f"operator-{number}": report for number, report in enumerate(reports)}
        self.fetches = 0
        self.calls = CallTotals()

    async def __call__(self, request: Request, response: Response) -> None:
        found = re.search(r"/pods/(.+?):\d+/proxy(/\w+)", request.path)
        if found is None:
            pods = dict.fromkeys(self.reports, "10.0.0.2")
            if request.path == "/api/v1/pods":
                pods |= {"gw-1": "10.0.0.7"}
            items = [
                {
                    "metadata": {"namespace": "ns", "name": name},
                    "status": {"phase": "Running", "podIP": address},
                }
                for name, address in pods.items()
            ]
            await response.json(200, {"items": items})
        elif (report := self.reports[found[1]]) is None:
            await response.json(503, {"kind": "Status", "message": "connection refused"})
        elif found[2] == "/calls":
            await response.json(200, msgspec.json.encode(self.calls))
        elif found[2] == "/report":
            await response.json(200, msgspec.json.encode(report))
        else:
            self.fetches += 1
            await response.json(200, msgspec.json.encode([RECORD]))


async def asked(api: ApiServer) -> Report:
    async with serve(api) as url, httpx2.AsyncClient(base_url=url) as client:
        return await status_report(client, "ns", lambda: NOW)


async def test_the_one_that_leads_is_believed() -> None:
    leader = Report(leads=True, gateways=(PUSHED,))
    api = ApiServer(FOLLOWS, None, leader)

    assert await asked(api) == leader
    assert api.fetches == 0, "pods that are pushed to say themselves what they run"


async def test_what_a_pod_fetched_is_added_where_it_pulls() -> None:
    (gateway,) = (await asked(ApiServer(Report(leads=True, gateways=(PULLING,))))).gateways

    (line,) = gateway.pods
    assert (line.evidence, line.since, line.running) == ("fetched", NOW - 5.0, Content(SHA256, ""))


@pytest.mark.parametrize(
    ("reports", "problem"),
    [
        pytest.param((), "no replica of the operator runs in ns", id="none runs"),
        pytest.param((FOLLOWS,), "no replica of the operator in ns leads at the moment", id="none leads"),
        pytest.param(
            (FOLLOWS, None), "replica operator-1 cannot be asked: .*refused", id="one cannot be asked"
        ),
    ],
)
async def test_without_the_one_that_leads_it_says_why(
    reports: tuple[Report | None, ...], problem: str
) -> None:
    with pytest.raises(RequestError, match=problem):
        await asked(ApiServer(*reports))


async def test_it_is_told_what_limits_in_shadow_would_have_refused() -> None:
    api = ApiServer(Report(leads=True, policies=(PolicyReport(policy="ns/p"),)))
    limits = (LimitCalls(limit="a", limited=3), LimitCalls(limit="b", shadow=5))
    api.calls = CallTotals(scopes=(ScopeCalls(scope="ns/route", admitted=7, limits=limits),))
    report = await asked(api)
    assert report.shadows == (ShadowReport(scope="ns/route", limit="b", calls=5),)
    text = report_text(report, NOW)
    assert text.splitlines()[-2:] == [
        "SHADOW  COUNTED FOR  WOULD HAVE REFUSED",
        "b       ns/route     5",
    ]
    assert chosen(report, "gateway").shadows == ()
    assert chosen(report, "policy", "other").shadows == ()


async def test_it_is_told_how_often_soft_limits_were_exceeded() -> None:
    api = ApiServer(Report(leads=True, policies=(PolicyReport(policy="ns/p"),)))
    limits = (LimitCalls(limit="a", soft=3), LimitCalls(limit="b", limited=5))
    api.calls = CallTotals(scopes=(ScopeCalls(scope="ns/route", admitted=7, limits=limits),))
    report = await asked(api)
    assert report.exceeded == (SoftReport(scope="ns/route", limit="a", calls=3),)
    assert report_text(report, NOW).splitlines()[-2:] == [
        "SOFT  COUNTED FOR  EXCEEDED BY",
        "a     ns/route     3",
    ]
    assert chosen(report, "gateway").exceeded == chosen(report, "policy", "other").exceeded == ()


async def test_a_service_that_cannot_be_asked_holds_nothing_up() -> None:
    leads = Report(leads=True)
    assert await asked(ApiServer(leads, None)) == leads
