"""A gateway of Envoy Gateway that could not get its module.

When it is told of another address, and of which.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from kuadrant.operator.core import kinds
from tests.unit.operator.cluster import LIMITADOR, Run, running
from tests.unit.operator.example import ENVOY_GATEWAY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

POLICY = ("istio-system", "kuadrant-istio-ingressgateway")
KIND = kinds.OF_PROVIDERS["EnvoyExtensionPolicy"]
FAILED = "Wasm: wasm module download failed after 5 attempts."


class Gateway:
    """What Envoy Gateway does."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def url(self) -> str:
        (extension,) = self.run.api.get(KIND, POLICY)["spec"]["wasm"]
        url: str = extension["code"]["http"]["url"]
        return url

    def say(self, status: str, message: str = "") -> None:
        policy: dict[str, Any] = {**self.run.api.get(KIND, POLICY)}
        condition = {"type": "Accepted", "status": status, "message": message}
        condition |= {"observedGeneration": policy["metadata"]["generation"]}
        self.run.api.put({**policy, "status": {"ancestors": [{"conditions": [condition]}]}})


@asynccontextmanager
async def enforcing() -> AsyncIterator[Gateway]:
    async with running(ENVOY_GATEWAY) as run:
        await run.until(lambda: ("limitadors", LIMITADOR) in run.api.documents)
        run.api.hold()
        await run.until(lambda: (KIND.plural, POLICY) in run.api.documents)
        gateway = Gateway(run)
        gateway.say("True")
        await run.until(run.is_enforced)
        await run.quiet()
        yield gateway


async def test_a_policy_is_enforced_when_envoy_gateway_has_accepted_it() -> None:
    async with running(ENVOY_GATEWAY) as run:
        await run.until(lambda: ("limitadors", LIMITADOR) in run.api.documents)
        run.api.hold()
        await run.until(lambda: (KIND.plural, POLICY) in run.api.documents)
        await run.until(lambda: "[Gateway (" in (run.enforced() or {"message": ""})["message"])
        assert not run.is_enforced()
        Gateway(run).say("True")
        await run.until(run.is_enforced)


async def test_a_failure_is_said_and_healed_by_another_address_that_was_proven() -> None:
    async with enforcing() as gateway:
        first = gateway.url()
        gateway.run.served = False
        gateway.say("False", FAILED)
        await gateway.run.until(lambda: FAILED in (gateway.run.enforced() or {"message": ""})["message"])
        await gateway.run.until(lambda: gateway.run.proven == [f"{first}&try=1"] * 2)
        assert gateway.url() == first

        gateway.run.served = True
        await gateway.run.until(lambda: gateway.url() == f"{first}&try=1")
        assert not gateway.run.is_enforced()
        gateway.say("True")
        await gateway.run.until(gateway.run.is_enforced)
        assert gateway.url() == f"{first}&try=1"


async def test_tries_that_fail_come_later_and_later() -> None:
    async with enforcing() as gateway:
        first = gateway.url()
        clock = asyncio.get_running_loop().time
        gateway.say("False", FAILED)
        await gateway.run.until(lambda: gateway.url() == f"{first}&try=1")
        at = clock()
        gateway.say("False", FAILED)
        await gateway.run.until(lambda: gateway.url() == f"{first}&try=2")
        assert clock() - at > 0.5
        at = clock()
        gateway.say("False", FAILED)
        await gateway.run.until(lambda: gateway.url() == f"{first}&try=3")
        assert clock() - at > 1.5


async def test_a_refusal_that_is_not_about_the_module_is_not_healed() -> None:
    async with enforcing() as gateway:
        first = gateway.url()
        conflict = "Unable to target Gateway gw, another EnvoyExtensionPolicy has already attached to it"
        gateway.say("False", conflict)
        await gateway.run.until(lambda: conflict in (gateway.run.enforced() or {"message": ""})["message"])
        await gateway.run.quiet()
        assert gateway.url() == first
        assert gateway.run.proven == []
