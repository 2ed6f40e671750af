"""What is missing in a decision, or not known yet, is no word to a gateway that runs something already.

It keeps that.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from kuadrant.envoy_api import decode
from kuadrant.gateways.delivery_mode import resource_name
from kuadrant.gateways.provider import GatewayObjects
from kuadrant.operator.core.decision import GatewayDecision
from kuadrant.operator.push.gateway_pods import GatewayPod, GatewayPods
from kuadrant.operator.push.server import Push
from kuadrant.status import Part
from kuadrant.xds.peer import nobody
from tests.certificates import SHOWN
from tests.unit.operator.known import module
from tests.unit.operator.push.pushing import MODULE, address_of
from tests.unit.xds.client import EXTENSIONS, Client

KEY = ("ns", "gw")
NAME = resource_name(*KEY)
PODS = GatewayPods([GatewayPod(("ns", "pod"), (KEY,), ("127.0.0.1",), ready=True)])


def wants(text: str | None, problem: str | None = None, **more: Any) -> dict[Any, GatewayDecision]:
    pushed = {} if text is None else {NAME: json.dumps({"is": text}).encode()}
    wanted = GatewayObjects(*KEY, objects=({},), pushed=pushed, problem=problem)
    return {KEY: GatewayDecision(provider=None, wanted=wanted, **more)}


async def decide(push: Push, gateways: dict[Any, GatewayDecision]) -> None:
    decision: Any = SimpleNamespace(gateways=gateways, module=module(address=address_of(MODULE)))
    await push.take(decision, PODS)


@pytest.mark.parametrize(
    "between",
    [
        pytest.param({}, id="the gateway is not there"),
        pytest.param(wants(None), id="nothing is pushed to it"),
        pytest.param(wants(None, "it cannot be made"), id="what it is to have cannot be made"),
        pytest.param(wants("early", awaited=(Part.LIMITS,)), id="its limits are not held"),
    ],
)
async def test_who_runs_something_hears_nothing_until_there_is_something_else(
    between: dict[Any, GatewayDecision],
) -> None:
    push = Push(MODULE, SHOWN.certificate, 0, "127.0.0.1", identify=nobody)
    envoy = Client(await push.start(), EXTENSIONS, "pod", SHOWN.authority)

    async def hears() -> str:
        response = await envoy.read()
        await envoy.ask("", NAME, nonce=response.nonce)
        (packed,) = response.resources
        config = decode(packed.SerializeToString())["typed_config"]["config"]
        text: str = json.loads(config["configuration"]["value"])["is"]
        return text

    try:
        await decide(push, wants("first"))
        await envoy.ask("", NAME)
        assert await hears() == "first"
        await decide(push, between)
        await decide(push, wants("second"))
        assert await hears() == "second"
    finally:
        await envoy.close()
        await push.stop()
