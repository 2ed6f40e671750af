"""What is asked of a cluster is only asked, and what it does not give is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from kuadrant.cli import main
from kuadrant.cli.doctor import text
from kuadrant.doctor import examined
from kuadrant.doctor.reading import read
from kuadrant.kube.client import RequestError
from tests.unit.uninstall.cluster import ApiServer

if TYPE_CHECKING:
    from pathlib import Path

NS = "kuadrant-system"
DATE = "Mon, 01 Jun 2026 00:00:00 GMT"


class Dated(ApiServer):
    """An API server that says what it is and what time it has."""

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/version":
            return httpx2.Response(200, json={"major": "1", "minor": "36+"}, headers={"date": DATE})
        if request.url.path in self.refused:
            return httpx2.Response(403, json={"kind": "Status", "code": 403, "message": "you may not"})
        return super().answer(request)


async def _read(api: ApiServer) -> Any:
    transport = httpx2.MockTransport(api.answer)
    async with httpx2.AsyncClient(transport=transport, base_url="http://api.example") as client:
        return await read(client, NS, "envoy-gateway-system")


async def test_it_reads_and_writes_nothing() -> None:
    api = Dated()
    api.put(f"/apis/kuadrant.io/v1beta1/namespaces/{NS}/kuadrants/kuadrant")
    facts = await _read(api)

    assert api.log == []
    assert facts.server == (1, 36)
    assert facts.ahead is not None
    assert [one["kind"] for one in facts.all("Kuadrant")] == ["Kuadrant"]
    assert facts.unread == {}


async def test_what_may_not_be_read_is_named_and_the_rest_is_looked_at() -> None:
    api = Dated()
    api.refused.add("/apis/networking.k8s.io/v1/networkpolicies")
    facts = await _read(api)

    assert [*facts.unread] == ["NetworkPolicy"]
    found = {one.code for one in examined(facts)}
    assert {"not-read", "gateway-api", "provider"} <= found


async def test_an_api_server_that_does_not_answer_is_no_finding() -> None:
    def nobody(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(nobody), base_url="http://a") as client:
        with pytest.raises(RequestError, match="refused"):
            await read(client, NS, "envoy-gateway-system")


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_cluster_that_cannot_be_asked_is_exit_code_2(
    tmp_path: Path, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config"
    file.write_text("no kubeconfig")
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--kubeconfig", str(file), "--output", output])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert "error" in json.loads(said.out) if output == "json" else said.err.startswith("kuadrant: ")


async def test_what_is_said_has_the_code_and_what_helps() -> None:
    said = text(examined(await _read(Dated())), is_installed=False)
    assert "error: neither Istio nor Envoy Gateway is installed (provider)\n    Install Istio" in said
    assert said.endswith("4 in the way, 1 besides. docs/doctor.md explains each.")
