"""A real Envoy fetches a module from the module server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import pathlib
import sys
from typing import TYPE_CHECKING

import httpx2
import pytest

from kuadrant.wasm import current
from kuadrant.wasm.server import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kuadrant.wasm.connection import Fetch

pytestmark = pytest.mark.e2e


def bootstrap(wasm_port: int, path: str, sha256: str) -> dict[str, object]:
    """Return Envoy's configuration: one listener, whose filter is a module from the module server."""
    anywhere = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    wasm = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "vm_config": {
                "runtime": "envoy.wasm.runtime.v8",
                "code": {
                    "remote": {
                        "http_uri": {
                            "uri": f"http://127.0.0.1:{wasm_port}{path}",
                            "cluster": "modules",
                            "timeout": "10s",
                        },
                        "sha256": sha256,
                    }
                },
            }
        },
    }
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",  # noqa: E501 - one name
        "stat_prefix": "http",
        "route_config": {"name": "none"},
        "http_filters": [
            {"name": "wasm", "typed_config": wasm},
            {
                "name": "router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                },
            },
        ],
    }
    endpoint = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": wasm_port}}}
    return {
        "admin": {"address": anywhere},
        "static_resources": {
            "listeners": [
                {
                    "name": "http",
                    "address": anywhere,
                    "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                }
            ],
            "clusters": [
                {
                    "name": "modules",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "modules",
                        "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
                    },
                }
            ],
        },
    }


@contextlib.asynccontextmanager
async def envoy(
    folder: pathlib.Path, wasm_port: int, path: str, sha256: str
) -> AsyncIterator[httpx2.AsyncClient]:
    """Run Envoy as long as the context lasts; gives a client of its admin address."""
    configuration, admin, log = folder / "envoy.json", folder / "admin", folder / "log"
    configuration.write_text(json.dumps(bootstrap(wasm_port, path, sha256)))
    process = await asyncio.create_subprocess_exec(
        pathlib.Path(sys.executable).parent / "envoy",
        *("-c", configuration, "--admin-address-path", admin, "--log-path", log),
        *("--use-dynamic-base-id", "--concurrency", "1"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60):
            while not admin.exists() or not admin.read_text():
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.02)
        async with httpx2.AsyncClient(base_url=f"http://{admin.read_text()}") as client:
            yield client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("path", ["/kuadrant-wasm-shim", "/kuadrant-wasm-shim?sha256={}", "/wasm/{}.wasm"])
async def test_envoy_loads_the_module_from_every_address_of_it(tmp_path: pathlib.Path, path: str) -> None:
    module = current()
    fetches: list[Fetch] = []
    async with (
        serve([module], "127.0.0.1", observer=fetches.append) as server,
        envoy(tmp_path, server.port, path.format(module.sha256), module.sha256) as admin,
        asyncio.timeout(60),
    ):
        while (
            "wasm.remote_load_fetch_successes: 1" not in (await admin.get("/stats?filter=remote_load")).text
        ):
            assert "wasm.remote_load_fetch_failures: 0" in (await admin.get("/stats?filter=remote_load")).text
            await asyncio.sleep(0.02)
    assert [(fetch.status, fetch.sha256, fetch.sent) for fetch in fetches] == [
        (200, module.sha256, len(module.data))
    ]
