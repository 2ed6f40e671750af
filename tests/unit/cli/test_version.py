"""`kuadrant version`: what this is, and what runs in a cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx2
import msgspec

from kuadrant import __version__
from kuadrant.operator_client.installed import (
    Installed,
    InstalledPod,
    RunningModule,
    installed,
    installed_text,
)
from kuadrant.operator_client.status_report import PATH
from kuadrant.status import Content, GatewayReport, Report
from kuadrant.status.gateway_report import PodLine
from kuadrant.wasm.catalogue import current
from tests.unit.kube.http_server import Request, Response, serve

if TYPE_CHECKING:
    from collections.abc import Callable


SHA256 = "ab" * 32
LINE = PodLine(pod="ns/gw-1", ready=True, wanted=Content(SHA256, ""), running=Content(SHA256, "7"))
GATEWAY = GatewayReport(gateway="ns/gw", provider="istio", delivery="push", limited=True, pods=(LINE,))
REPORT = Report(leads=True, version="9.8.7", gateways=(GATEWAY,))


class ApiServer:
    """An operator, a rate limit service, and what the first says; None is one that cannot be asked."""

    def __init__(self, report: Report | None) -> None:
        self.report = report

    async def __call__(self, request: Request, response: Response) -> None:
        if request.path.endswith(f"/proxy{PATH}") and self.report is not None:
            await response.json(200, msgspec.json.encode(self.report))
        elif request.path.endswith("/pods"):
            roles = {"controller-manager": "operator-1", "ratelimit": "ratelimit-1", "other": "x"}
            wanted = request.parameters["labelSelector"].rpartition("control-plane=")[2]
            items = [
                {
                    "metadata": {
                        "namespace": "ns",
                        "name": name,
                        "labels": {"app": "kuadrant", "control-plane": role},
                    },
                    "spec": {"containers": [{"image": f"image-of-{name}"}]},
                    "status": {"phase": "Running"},
                }
                for role, name in roles.items()
                if wanted in (role, "app=kuadrant")
            ]
            await response.json(200, {"items": items})
        else:
            await response.json(503, {"kind": "Status", "message": "connection refused"})


async def _installed(report: Report | None) -> Installed:
    async with serve(ApiServer(report)) as url, httpx2.AsyncClient(base_url=url) as client:
        return await installed(client, "ns")


def test_it_tells_itself_and_the_module_that_it_carries(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run("version")
    assert (code, out.splitlines()[0]) == (0, f"kuadrant:   {__version__}")
    assert current().sha256 in out

    told = json.loads(run("version", "-o", "json")[1])
    assert told["client"] == __version__
    assert (told["module"]["version"], told["module"]["sha256"]) == (current().version, current().sha256)


async def test_in_a_cluster_it_tells_pods_images_and_the_modules_of_gateways() -> None:
    found = await _installed(REPORT)

    assert found == Installed(
        namespace="ns",
        version="9.8.7",
        pods=(
            InstalledPod("operator", "operator-1", "image-of-operator-1"),
            InstalledPod("rate limit service", "ratelimit-1", "image-of-ratelimit-1"),
        ),
        modules=(RunningModule(SHA256, 1),),
        problems=(),
    )
    assert max(map(len, installed_text(found).splitlines())) <= 80


async def test_what_is_not_known_is_told() -> None:
    assert (await _installed(Report(leads=False))).problems == ("no replica of the operator in ns leads",)
    (problem,) = (await _installed(None)).problems
    assert problem.startswith("replica operator-1 cannot be asked: ")
    assert "its version is not known" in installed_text(await _installed(None))
