"""Gateways are told of the push server once a handshake by its name has shown the Secret's certificate."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx2

from kuadrant.operator.push.gateway_pods import GatewayPods
from kuadrant.operator.push.reach import PushReach, push_address
from kuadrant.operator.push.replicas import Replicas
from kuadrant.operator.push.server import Push
from kuadrant.settings import OperatorSettings
from kuadrant.xds.peer import nobody
from tests.certificates import SHOWN
from tests.ports import free_ports
from tests.unit.operator.known import module
from tests.unit.operator.push.pushing import MODULE, address_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOTHING_DECIDED: Any = SimpleNamespace(gateways={}, module=module(address=address_of(MODULE)))


def settings(port: int, host: str = "127.0.0.1") -> OperatorSettings:
    return OperatorSettings(namespace="ours", push_host=host, push_port=port)


class Reach:
    """The reach of a push server, which is proven from now on."""

    def __init__(self, push: Push, port: int) -> None:
        self.changed = asyncio.Event()
        self.replicas = Replicas(lambda: None, "127.0.0.1")
        self.reach = PushReach(
            settings(port),
            push,
            self.replicas,
            httpx2.AsyncClient(),
            leads=lambda: False,
            changed=self.changed.set,
        )

    def problem(self) -> str:
        return self.reach.facts().problem

    async def until_it_says(self, part: str) -> None:
        async with asyncio.timeout(20):
            while part not in self.problem() or (not part and self.problem()):
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def reach(*, listens: bool = True) -> AsyncIterator[Reach]:
    push = Push(MODULE, SHOWN.certificate, 0, "127.0.0.1", identify=nobody)
    port = await push.start() if listens else free_ports(1)[0]
    # Before the first decision nobody comes in.
    await push.take(NOTHING_DECIDED, GatewayPods())
    found = Reach(push, port)
    proving = asyncio.create_task(found.reach._prove())
    try:
        yield found
    finally:
        proving.cancel()
        await asyncio.gather(proving, return_exceptions=True)
        if listens:
            await push.stop()


def test_the_name_is_that_of_our_service_unless_another_is_set() -> None:
    ours = "kuadrant-operator-controller-manager-push-service.ours.svc.cluster.local:8083"
    assert str(push_address(settings(8083, ""))) == ours
    assert str(push_address(settings(1, "push.example"))) == "push.example:1"


async def test_without_a_certificate_no_gateway_is_told_of_it() -> None:
    async with reach() as one:
        assert one.problem() == "its certificate is not made yet"


async def test_with_a_certificate_gateways_are_told_once_it_was_seen() -> None:
    async with reach() as one:
        one.reach._take(SHOWN)
        assert one.problem() == "its certificate was not seen yet"

        await one.until_it_says("")
        server = one.reach.facts().server
        assert server is not None
        assert server.authority == SHOWN.authority
        assert one.replicas.authority == SHOWN.authority, "replicas know each other by the same"


async def test_a_server_that_cannot_be_reached_is_told_to_nobody() -> None:
    async with reach(listens=False) as one:
        one.reach._take(SHOWN)
        await one.until_it_says("cannot be reached")


async def test_a_secret_that_cannot_be_used_leaves_what_was_there() -> None:
    async with reach() as one:
        one.reach._refuse("tls.key is missing")
        assert one.problem() == "tls.key is missing"

        one.reach._take(SHOWN)
        await one.until_it_says("")
        one.reach._refuse("tls.key is missing")
        assert one.problem() == ""
