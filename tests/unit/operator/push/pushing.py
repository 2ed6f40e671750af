"""A reconciler whose gateways are pushed to, and the Envoy of one pod."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from kuadrant.envoy_api import decode
from kuadrant.gateways.delivery_mode import PushTarget
from kuadrant.gateways.envoy import Address
from kuadrant.gateways.module_address import served_module
from kuadrant.operator.core.known_facts import PushFacts
from kuadrant.operator.push.server import Push
from kuadrant.wasm.module import Module
from kuadrant.xds.peer import nobody
from tests.certificates import SHOWN
from tests.unit.operator.cluster import Run, running
from tests.unit.operator.example import CLASS
from tests.unit.operator.known import BY_ADDRESS, module
from tests.unit.xds.client import EXTENSIONS, Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kuadrant.gateways.module_address import ModuleAddress as Served

NAME = "kuadrant/istio-system/istio-ingressgateway"
NODE = "router~127.0.0.1~pod-1.istio-system~istio-system.svc.cluster.local"
GATEWAY = ("istio-system", "istio-ingressgateway")
FILTER = ("istio-system", "kuadrant-push-istio-ingressgateway")
MODULE = Module("shim", b"\0asm" + bytes(100))


def pod(name: str = "pod-1", address: str = "127.0.0.1", *, ready: bool = True) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "istio-system",
            "labels": {"gateway.networking.k8s.io/gateway-name": "istio-ingressgateway"},
        },
        "status": {
            "phase": "Running",
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def address_of(module: Module) -> Served:
    return served_module("modules.example", 8082, module.sha256)


class Pushing:
    """A run whose gateways ask, and the Envoy of one pod."""

    def __init__(self, run: Run, push: Push, port: int) -> None:
        self.run = run
        self.push = push
        self.port = port
        self.envoy: Client | None = None

    async def ask(self, name: str = NAME, node: str = NODE) -> Client:
        self.envoy = Client(self.port, EXTENSIONS, node, SHOWN.authority)
        await self.envoy.ask("", name)
        return self.envoy

    async def hears(self) -> tuple[Any, dict[str, Any]]:
        """The next response, and the shim's configuration in it."""
        assert self.envoy is not None
        response = await self.envoy.read()
        (packed,) = response.resources
        config = decode(packed.SerializeToString())["typed_config"]["config"]
        configuration: dict[str, Any] = json.loads(config["configuration"]["value"])
        return response, configuration

    async def take(self) -> dict[str, Any]:
        """Take the next response; returns the configuration."""
        response, configuration = await self.hears()
        assert self.envoy is not None
        await self.envoy.ask("", NAME, nonce=response.nonce)
        return configuration

    async def says(self, part: str) -> None:
        """Wait until the policy's message has ``part`` in it."""
        await self.run.until(lambda: part in (self.run.enforced() or {}).get("message", ""))


@asynccontextmanager
async def pushing(class_: str = CLASS, gateways_pod: dict[str, Any] | None = None) -> AsyncIterator[Pushing]:
    push = Push(MODULE, SHOWN.certificate, 0, "127.0.0.1", identify=nobody)
    port = await push.start()
    server = PushTarget(address=Address("push.example", 8083), authority=SHOWN.authority)
    values: dict[str, Any] = {
        "delivery": "push",
        "push": PushFacts(server=server),
        "module": module(address=address_of(MODULE), rendering=BY_ADDRESS),
    }
    async with running(class_, pushed_by=push, **values) as run:

        async def listen() -> None:
            while True:
                await push.changed()
                run.reconciler.look()

        listening = asyncio.create_task(listen())
        run.api.put(gateways_pod or pod())
        pushing = Pushing(run, push, port)
        try:
            await run.until(lambda: ("limitadors", ("kuadrant-system", "limitador")) in run.api.documents)
            yield pushing
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            if pushing.envoy is not None:
                await pushing.envoy.close()
            await push.stop()
