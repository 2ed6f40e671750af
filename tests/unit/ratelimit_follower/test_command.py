"""The command as a process: what a pod runs."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.ports import free_port
from tests.unit.ratelimit_follower.kubeconfig import kubeconfig

from ..kube.http_server import serve  # noqa: TID252 - tests are no package
from .conftest import limit

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Api


async def page(port: int, path: str) -> int:
    async with httpx2.AsyncClient() as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}{path}")).status_code
        except httpx2.ConnectError:
            return 0


async def until_page(port: int, path: str, code: int) -> None:
    async with asyncio.timeout(60):
        while await page(port, path) != code:  # noqa: ASYNC110 - it is asked over its port
            await asyncio.sleep(0.01)


async def start(*arguments: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "kuadrant", "ratelimit", "--address", "127.0.0.1"),
        *map(str, arguments),
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.slow
async def test_sigterm_ends_it_before_its_pod_would_be_killed(api: Api, tmp_path: Path) -> None:
    api.put(limit(3))
    port, operations_port = free_port(), free_port()
    async with serve(api.handle) as server:
        process = await start(
            "--kubeconfig",
            kubeconfig(tmp_path / "config", server),
            *("--port", port, "--operations-port", operations_port, "--counters-port", 0),
            *("--log-mode", "development"),
        )
        try:
            await until_page(operations_port, "/readyz", 200)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            await until_page(operations_port, "/readyz", 503)
            _, written = await process.communicate()
            seconds = time.monotonic() - began
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    assert process.returncode == 0
    assert seconds < 10  # terminationGracePeriodSeconds
    log = written.decode()
    assert log.index("the limits are held") < log.index("serving") < log.index("stopping")
    assert "Traceback" not in log
    assert "secret" not in log
    assert api.status["service"] == {
        "host": "limitador-limitador.ns.svc.cluster.local",
        "ports": {"grpc": port, "http": operations_port},
    }


@pytest.mark.slow
async def test_no_way_to_an_api_server_is_told_and_ends_it(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    process = await start("--kubeconfig", missing, "--log-mode", "development")
    _, written = await process.communicate()

    assert process.returncode == 1
    assert f"there is no kubeconfig at {missing}" in written.decode()
    assert "Traceback" not in written.decode()
