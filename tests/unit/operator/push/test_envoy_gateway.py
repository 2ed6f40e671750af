"""A gateway of Envoy Gateway that is to ask.

What Envoy Gateway has to say first, and what limits until it has.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.gateways import envoy_gateway as provider
from kuadrant.operator.core import kinds
from tests.unit.operator.example import ENVOY_GATEWAY
from tests.unit.operator.push.pushing import GATEWAY, Pushing, pod, pushing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kuadrant.kube.kind import Kind

NAMESPACE, NAME = GATEWAY
PATCHES = kinds.OF_PROVIDERS["EnvoyPatchPolicy"]
PLUGINS = kinds.OF_PROVIDERS["EnvoyExtensionPolicy"]
CLUSTER = (NAMESPACE, f"kuadrant-ratelimiting-{NAME}")
ASKING = (NAMESPACE, f"kuadrant-push-{NAME}")
PLUGIN = (NAMESPACE, f"kuadrant-{NAME}")
DISABLED = "EnvoyPatchPolicy is disabled in the EnvoyGateway configuration"
NOT_FOUND = "Unable to find xds resources: type.googleapis.com/envoy.config.listener.v3.Listener/a/b/http"


@pytest.fixture(autouse=True)
def _no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """None were open before."""
    monkeypatch.setattr(provider, "DRAIN", 0.0)


def proxy(
    name: str = "proxy-1", namespace: str = "envoy-gateway-system", gateway: str = NAME
) -> dict[str, Any]:
    """A pod as Envoy Gateway makes it."""
    document = pod(name)
    document["metadata"]["namespace"] = namespace
    document["metadata"]["labels"] = {
        "gateway.envoyproxy.io/owning-gateway-name": gateway,
        "gateway.envoyproxy.io/owning-gateway-namespace": NAMESPACE,
    }
    return document


class EnvoyGateway:
    """What Envoy Gateway says, and what there is."""

    def __init__(self, one: Pushing) -> None:
        self.one = one
        self.run = one.run

    def has(self, kind: Kind[Any], key: tuple[str, str]) -> bool:
        return (kind.plural, key) in self.run.api.documents

    def say(self, kind: Kind[Any], key: tuple[str, str], **words: str) -> None:
        """Say each of these of an object: nothing against it, or why not."""
        document: dict[str, Any] = {**self.run.api.get(kind, key)}
        conditions = [
            {
                "type": type_,
                "status": "False" if message else "True",
                "reason": "Invalid" if message else type_,
                "message": message,
                "observedGeneration": document["metadata"]["generation"],
            }
            for type_, message in words.items()
        ]
        reference = {"kind": "Gateway", "name": NAME}
        ancestors = [{"ancestorRef": reference, "conditions": conditions}]
        self.run.api.put({**document, "status": {"ancestors": ancestors}})

    async def limits_by_address(self) -> None:
        """The gateway was told where the module is, as long as nothing is known of patches."""
        self.run.api.hold()
        await self.run.until(lambda: self.has(PLUGINS, PLUGIN) and self.has(PATCHES, CLUSTER))
        self.say(PLUGINS, PLUGIN, Accepted="")

    async def asks(self) -> None:
        """Envoy Gateway carries patches out, and has made its proxies ask."""
        await self.limits_by_address()
        self.say(PATCHES, CLUSTER, Accepted="", Programmed="")
        await self.run.until(lambda: self.has(PATCHES, ASKING))
        self.say(PATCHES, ASKING, Accepted="", Programmed="")


@asynccontextmanager
async def envoy_gateway(gateways_pod: dict[str, Any] | None = None) -> AsyncIterator[EnvoyGateway]:
    async with pushing(ENVOY_GATEWAY, gateways_pod or proxy()) as one:
        yield EnvoyGateway(one)


async def test_until_patches_are_known_to_be_carried_out_it_limits_in_the_other_way_and_says_so() -> None:
    async with envoy_gateway() as gateway:
        await gateway.limits_by_address()
        await gateway.one.says("has not said that it carries out EnvoyPatchPolicies for it")
        assert not gateway.has(PATCHES, ASKING)

        gateway.say(PATCHES, CLUSTER, Accepted=DISABLED)
        await gateway.one.says(f"Envoy Gateway says: {DISABLED}")
        await gateway.run.quiet()
        assert gateway.has(PLUGINS, PLUGIN)
        assert not gateway.run.is_enforced()


async def test_the_plugin_goes_when_the_pod_has_taken_what_it_asked_for() -> None:
    async with envoy_gateway() as gateway:
        await gateway.asks()
        await gateway.one.says("[Pod (envoy-gateway-system/proxy-1)]")
        assert gateway.has(PLUGINS, PLUGIN)

        await gateway.one.ask(node="proxy-1")
        assert (await gateway.one.take())["hosts"]
        await gateway.run.until(lambda: gateway.run.is_enforced() and not gateway.has(PLUGINS, PLUGIN))


async def test_a_listener_that_could_not_be_made_to_ask_is_no_enforcement_and_keeps_the_plugin() -> None:
    async with envoy_gateway() as gateway:
        await gateway.asks()
        gateway.say(PATCHES, ASKING, Accepted="", Programmed=NOT_FOUND)
        await gateway.one.ask(node="proxy-1")
        await gateway.one.take()
        await gateway.one.says(f"EnvoyPatchPolicy {'/'.join(ASKING)}: {NOT_FOUND}")
        await gateway.run.quiet()
        assert gateway.has(PLUGINS, PLUGIN)

        gateway.say(PATCHES, ASKING, Accepted="", Programmed="")
        await gateway.run.until(lambda: gateway.run.is_enforced() and not gateway.has(PLUGINS, PLUGIN))


@pytest.mark.slow
async def test_a_pod_of_another_gateway_gets_nothing_whatever_it_says() -> None:
    for another in (proxy(gateway="another"), proxy(namespace="default")):
        async with envoy_gateway(another) as gateway:
            await gateway.asks()
            # Nothing is read of what it says: it is kept for a while, in case that it is one.
            asking = asyncio.create_task(gateway.one.ask(node="proxy-1"))
            await gateway.one.says(f"[Gateway ({'/'.join(GATEWAY)})]")
            await gateway.run.quiet()
            assert gateway.one.push.deliveries() == {}
            assert not asking.done()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


async def test_a_pod_beside_its_gateway_gets_what_the_gateway_gets() -> None:
    async with envoy_gateway(proxy(namespace=NAMESPACE)) as gateway:
        await gateway.asks()
        await gateway.one.ask(node="proxy-1")
        assert (await gateway.one.take())["hosts"]
        await gateway.run.until(gateway.run.is_enforced)
