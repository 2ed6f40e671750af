"""Our own module, pushed to a gateway that others configure.

Edits and swaps that no request notices, and none escapes.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import pytest

from kuadrant.wasm.catalogue import embedded
from kuadrant.xds import EXTENSION
from tests.ports import free_port

from .conftest import HTTP_OPTIONS, Load, T, address, answers
from .gateway import NAME, Provider, Push, listener, provider, push, refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.e2e

EDITS, SWAPS = 100, 20
MODULES = [base64.b64encode(module.data).decode() for module in embedded()]

__all__ = ["provider", "push"]  # fixtures


class Limiter:
    """A rate limit service that says OK and counts."""

    def __init__(self) -> None:
        self.asked = 0
        self._server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(self._answer)
        service = "envoy.service.ratelimit.v3.RateLimitService"
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {"ShouldRateLimit": handler}),)
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    async def _answer(self, *_: Any) -> bytes:
        self.asked += 1
        return b"\x08\x01"

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)


@pytest.fixture
async def limiter() -> AsyncIterator[Limiter]:
    limiter = Limiter()
    await limiter.start()
    yield limiter
    await limiter.stop()


def configuration(number: int, **changes: Any) -> str:
    """Every request is asked for; ``number`` tells one edit from the other."""
    service = {"cluster": "limits", "timeoutMs": 10_000, "failureMode": "deny"}
    limit = {"entries": [{"key": "edit", "value": str(number)}]}
    rule = {"name": "r", "actions": [{"service": "limits", "scope": "s", "limits": [limit]}]}
    document = {
        "version": 1,
        "services": {"limits": service},
        "hosts": [{"hostname": "*", "rules": [rule]}],
        **changes,
    }
    return json.dumps(document)


def cluster(port: int) -> dict[str, Any]:
    return {
        "name": "limits",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": "limits",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}],
        },
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: {
                "@type": T + HTTP_OPTIONS,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
    }


async def taken(push: Push, module: str, text: str) -> None:
    """Push, and wait until the gateway has said that it took it."""
    await push.set(module, text)
    async with asyncio.timeout(20):
        assert await push.server.settled(EXTENSION) == ()


async def test_a_hundred_edits_and_twenty_swaps_are_not_noticed_and_no_request_escapes(
    push: Push, provider: Provider, limiter: Limiter
) -> None:
    port = free_port()
    provider.gateway.bootstrap["static_resources"]["clusters"].append(cluster(limiter.port))
    provider.write(listener(port, push.filter()))
    await push.server.start()
    await push.set(MODULES[0], configuration(0))
    await provider.gateway.start()
    await answers(port, "plain")
    limiter.asked = 0

    async with Load(port) as load:
        for number in range(1, EDITS + 1):
            await taken(push, MODULES[0], configuration(number))
            await load.more(2)
        for number in range(1, SWAPS + 1):
            await taken(push, MODULES[number % len(MODULES)], configuration(EDITS))
            await load.more(2)
        for bad in (("AGFzbQ==", configuration(0)), (MODULES[0], configuration(0, version=99))):
            await push.set(*bad)
            async with asyncio.timeout(1):
                while not refused(push.server):
                    await push.server.changed()
            await load.more()
            await taken(push, MODULES[0], configuration(EDITS + 1))

    (connected,) = push.server.connected()
    assert connected.stream.types[EXTENSION].names == (NAME,)
    assert set(load.answers) == {(200, "plain")}
    assert load.closed == 0
    assert limiter.asked == load.answers.total()
