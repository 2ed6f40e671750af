"""Modules pushed by extension config discovery: swapped under load, refused, healed."""

from __future__ import annotations

import base64
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.xds import EXTENSION
from tests.e2e.xds.extension import WASM, extension
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Rig

from .conftest import (
    ADS,
    MANAGER,
    ROUTER,
    Gateway,
    Load,
    address,
    answers,
    cluster,
    endpoints,
    get,
    listener,
    routes,
    until,
)
from .wat import module

pytestmark = pytest.mark.e2e


def discovered(name: str, config_source: dict[str, Any] = ADS) -> dict[str, Any]:
    return {"name": name, "config_discovery": {"config_source": config_source, "type_urls": [WASM]}}


@pytest.mark.row(79)
async def test_a_module_is_swapped_without_a_lost_request_or_connection(rig: Rig) -> None:
    rest = (listener(rig.port, discovered("shim")), routes("none"))
    await rig.set(*rest, extension("shim", module("v0")))
    await answers(rig.port, "v0")

    async with Load(rig.port) as load:
        for version in range(1, 6):
            await rig.set(*rest, extension("shim", module(f"v{version}")))
            assert await rig.settled(EXTENSION) == ()
            await answers(rig.port, f"v{version}", seconds=5)
            await load.more()

    assert set(load.answers) == {(200, f"v{version}") for version in range(6)}
    assert load.closed == 0


@pytest.mark.parametrize(
    "bad",
    ["AGFzbQ==", module("refused", accepts=False)],
    ids=["not a module", "a module that refuses its configuration"],
)
async def test_a_bad_module_is_refused_and_the_one_before_stays(rig: Rig, bad: str) -> None:
    rest = (listener(rig.port, discovered("shim")), routes("none"))
    await rig.set(*rest, extension("shim", module("good")))
    await answers(rig.port, "good")

    async with Load(rig.port) as load:
        await rig.set(*rest, extension("shim", bad))
        (refusal,) = await rig.settled(EXTENSION)
        await load.more()
    assert refusal.names == ("shim",)
    assert "Unable to create Wasm" in refusal.text
    assert set(load.answers) == {(200, "good")}

    await rig.set(*rest, extension("shim", module("better")))
    assert await rig.settled(EXTENSION) == ()
    await answers(rig.port, "better", seconds=5)
    assert len(rig.refusals) == 1


async def test_a_bad_module_that_comes_back_is_refused_again(rig: Rig) -> None:
    rest = (listener(rig.port, discovered("shim")), routes("none"))
    await rig.set(*rest, extension("shim", module("good")))
    await answers(rig.port, "good")

    for _ in range(3):
        await rig.set(*rest, extension("shim", module("refused", accepts=False)))
        assert len(await rig.settled(EXTENSION)) == 1
        await rig.set(*rest, extension("shim", module("good")))
        assert await rig.settled(EXTENSION) == ()
    assert await get(rig.port) == (200, "good")


async def test_the_shims_configuration_changes_and_a_bad_one_is_refused(
    rig: Rig, upstream: Callable[[str], Any]
) -> None:
    code = base64.b64encode(files("kuadrant.wasm.modules").joinpath("kuadrant-wasm-shim.wasm").read_bytes())
    port = await upstream("a")
    rest = (
        *(cluster("c"), endpoints("c", port), cluster("limits"), endpoints("limits", free_port())),
        *(listener(rig.port, discovered("shim")), routes("c")),
    )

    def shim(**changes: Any) -> dict[str, Any]:
        # Nobody serves limits here: a request that is asked for is denied with 500.
        service = {"cluster": "limits", "timeoutMs": 1000, "failureMode": "deny"}
        document = {"version": 1, "services": {"limits": service}, "hosts": [], **changes}
        return extension("shim", code.decode(), json.dumps(document))

    limit = {"entries": [{"key": "k", "value": "v"}]}
    rule = {"name": "r", "actions": [{"service": "limits", "scope": "s", "limits": [limit]}]}
    limited = shim(hosts=[{"hostname": "*", "rules": [rule]}])
    await rig.set(*rest, shim())
    await answers(rig.port, "a")

    async with Load(rig.port) as load:
        await rig.set(*rest, limited)
        assert await rig.settled(EXTENSION) == ()
        await until(lambda: any(status == 500 for status, _ in load.answers))
        await rig.set(*rest, shim(version=2))
        (refusal,) = await rig.settled(EXTENSION)
        assert await get(rig.port) == (500, "Internal Server Error.\n")
        await rig.set(*rest, shim())
        assert await rig.settled(EXTENSION) == ()
        await answers(rig.port, "a", seconds=5)

    assert refusal.names == ("shim",)
    assert "configuration refused" in rig.gateway.log
    assert load.closed == 0


async def test_a_bad_module_of_one_listener_does_not_keep_the_other_from_its_own(rig: Rig) -> None:
    other_port = free_port()
    other = listener(other_port, discovered("b"))
    other["name"] = "other"
    rest = (listener(rig.port, discovered("a")), other, routes("none"))
    await rig.set(*rest, extension("a", module("a1")), extension("b", module("b1")))
    await answers(rig.port, "a1")
    await answers(other_port, "b1")

    await rig.set(*rest, extension("a", module("refused", accepts=False)), extension("b", module("b2")))
    (refusal,) = await rig.settled(EXTENSION)

    assert refusal.names == ("a",)
    await answers(other_port, "b2", seconds=5)
    assert await get(rig.port) == (200, "a1")


async def test_four_mebibytes_and_more_fit(rig: Rig) -> None:
    large = extension("shim", module("large"), "x" * 6 * 2**20)
    await rig.set(listener(rig.port, discovered("shim")), routes("none"), large)

    await answers(rig.port, "large")
    assert await rig.settled() == ()


async def test_a_gateway_that_others_configure_gets_its_module_by_a_stream_of_its_own(
    rig: Rig, tmp_path: Path
) -> None:
    port = free_port()
    google = {"target_uri": f"dns:///127.0.0.1:{rig.xds_port}", "stat_prefix": "kuadrant"}
    source = {
        "api_config_source": {
            "api_type": "GRPC",
            "transport_api_version": "V3",
            "grpc_services": [{"google_grpc": google}],
        },
        "resource_api_version": "V3",
    }
    manager = {
        "@type": MANAGER,
        "stat_prefix": "http",
        "route_config": {},
        "http_filters": [discovered("shim", source), {"name": "router", "typed_config": {"@type": ROUTER}}],
    }
    (tmp_path / "other").mkdir()
    gateway = Gateway(tmp_path / "other", rig.xds_port, "pod-1")
    gateway.bootstrap["static_resources"]["listeners"] = [
        {
            "address": address(port),
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        }
    ]
    del gateway.bootstrap["dynamic_resources"]
    await rig.gateway.kill()
    await rig.set(extension("shim", module("v1")))
    await gateway.start()
    try:
        await answers(port, "v1")
        await rig.set(extension("shim", module("v2")))
        await answers(port, "v2", seconds=5)
        assert await rig.settled(EXTENSION) == ()
        await until(lambda: len(rig.server.status()) == 1)
        (status,) = rig.server.status()
    finally:
        await gateway.kill()

    assert (status.node, list(status.types)) == ("pod-1", [EXTENSION])
    assert status.types[EXTENSION].state == "taken"
