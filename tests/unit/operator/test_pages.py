"""What tells where pods are is for who knows the UID of the operator's own pod."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import httpx2

from kuadrant.operations import UID_HEADER, OperationsServer
from kuadrant.operator import run as command_module
from kuadrant.settings import OperatorSettings
from tests.ports import free_ports
from tests.unit.kube.http_server import serve
from tests.unit.kube.scripted import bookmark, event
from tests.unit.operator.empty_cluster import empty_cluster, kubeconfig
from tests.victims import Command

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from kuadrant.wasm.http_request import Request as PageRequest
    from kuadrant.wasm.http_response import Response as PageResponse
    from tests.unit.kube.http_server import Request, Response

UID = "5f9c6bd2-98a5-4a6a-9b5e-3a8f0f5b7a10"


async def own_pod(request: Request, response: Response) -> None:
    """A cluster that has nothing but the operator's pod."""
    if request.path == "/api/v1/pods" and "sendInitialEvents" in request.parameters:
        metadata = {"name": socket.gethostname(), "namespace": "kuadrant-system", "uid": UID}
        pod = {"metadata": {**metadata, "resourceVersion": "1"}, "spec": {}, "status": {}}
        await response.head(200)
        await response.send(event("ADDED", pod) + bookmark(1, initial_end=True))
        await asyncio.Event().wait()
    else:
        await empty_cluster(request, response)


async def test_pages_that_tell_where_pods_are_take_the_uid_of_the_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere(OperationsServer):
        """Takes every client for one that is elsewhere: tests have no other address than this machine's."""

        def answer(self, request: PageRequest, peer: str) -> PageResponse:
            assert peer == "127.0.0.1"
            return super().answer(request, "10.0.0.7")

    monkeypatch.setattr(command_module, "OperationsServer", Elsewhere)
    (port,) = free_ports(1)
    settings: dict[str, Any] = {"wasm_port": 0, "push_port": 0, "metrics_port": 0, "probes_port": port}
    async with serve(own_pod) as server:
        kubeconfig(tmp_path / "kubeconfig", server, monkeypatch)
        settings["namespace"] = "kuadrant-system"
        async with (
            Command(command_module.run(OperatorSettings(**settings))),
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):

            async def code(path: str, **headers: str) -> int:
                try:
                    return (await client.get(path, headers=headers)).status_code
                except httpx2.ConnectError:
                    return 0

            async with asyncio.timeout(30):
                while await code("/readyz") != 200:  # noqa: ASYNC110 - it is asked over its port
                    await asyncio.sleep(0.01)
            for path in ("/fetches", "/report"):
                assert await code(path) == 403
                assert await code(path, **{UID_HEADER: "another"}) == 403
                assert await code(path, **{UID_HEADER: UID}) == 200
