"""A gateway that a provider configures, and a push server that it asks."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.gateways.delivery_mode import PushTarget, Token, asking_filter, resource_name
from kuadrant.gateways.envoy import Address
from kuadrant.xds import EXTENSION, Admission, Credentials, Denial, Identity, Limits, Peer, Server, Snapshot
from tests.certificates import SHOWN
from tests.ports import free_port

from .conftest import MANAGER, ROUTER, Gateway, T, address, get
from .extension import extension

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


PLAIN = {"status": 200, "body": {"inline_string": "plain"}}

NAME = resource_name("ns", "gw")


def listener(port: int, *http_filters: dict[str, Any]) -> dict[str, Any]:
    """A listener as a provider makes it.

    Without a module's answer every request is answered with ``plain``.
    """
    manager = {
        "@type": MANAGER,
        "stat_prefix": "http",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": PLAIN}],
                }
            ]
        },
        "http_filters": [*http_filters, {"name": "router", "typed_config": {"@type": ROUTER}}],
    }
    return {
        "@type": T + "envoy.config.listener.v3.Listener",
        "name": "main",
        "address": address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


class Provider:
    """What configures the gateway beside us: its listeners come from a file."""

    def __init__(self, folder: Path, node: str = "pod-1") -> None:
        self._folder = folder
        self.gateway = Gateway(folder, free_port(), node)
        self.gateway.bootstrap["dynamic_resources"] = {
            "lds_config": {
                "resource_api_version": "V3",
                "path_config_source": {"path": str(folder / "lds.json")},
            }
        }
        self._version = 0

    def write(self, *listeners: dict[str, Any]) -> None:
        self._version += 1
        text = json.dumps({"version_info": str(self._version), "resources": listeners})
        (self._folder / "new.json").write_text(text)
        (self._folder / "new.json").rename(self._folder / "lds.json")

    async def uptime(self) -> int:
        """For how many seconds the gateway has been running."""
        _, text = await get(self.gateway.admin_port, "/server_info")
        return int(json.loads(text or "{}").get("uptime_current_epoch", "0s").removesuffix("s"))

    async def closed(self, port: int, seconds: int) -> None:
        """See that the gateway answers nothing there until it has been running for so long."""
        async with asyncio.timeout(40):
            while await self.uptime() < seconds:
                assert await get(port) == (0, "")
                await asyncio.sleep(0.1)


class Push:
    """Our server, and who is admitted to which gateway."""

    def __init__(self) -> None:
        self.port = free_port()
        self.admissions: dict[str, Admission | Denial] = {"pod-1": Admission("ns/pod-1", "ns/gw")}
        self.peers: list[Peer] = []
        self.tokens: dict[str, str] = {}
        self.credentials = Credentials(SHOWN.certificate)
        self.places: dict[str, int] | None = None
        self.limits = Limits()
        self.server = self._server()

    def _server(self) -> Server:
        places = self.places
        return Server(
            port=self.port,
            admit=self._admit,
            credentials=self.credentials,
            identify=self._identify,
            limits=self.limits,
            places=None if places is None else lambda address: places.get(address, 0),
        )

    async def _identify(self, token: str, _: str) -> Identity:
        return Identity(self.tokens.get(token, ""))

    def _admit(self, peer: Peer) -> Admission | Denial:
        self.peers.append(peer)
        return self.admissions.get(peer.node, Denial("no pod has this address"))

    async def restart(self) -> None:
        self.server = self._server()
        await self.server.start()

    async def set(self, code: str, configuration: str = "", group: str = "ns/gw") -> None:
        resource = extension(f"kuadrant/{group}", code, configuration)
        await self.server.set(Snapshot.of({EXTENSION: {resource["name"]: resource}}), group)

    def filter(self, name: str = NAME, token: Token | None = None) -> dict[str, Any]:
        server = PushTarget(address=Address("127.0.0.1", self.port), authority=SHOWN.authority)
        return asking_filter(name, server, token)


def refused(server: Server) -> str:
    (connected,) = server.connected()
    refusal = connected.stream.types[EXTENSION].refusal
    return "" if refusal is None else refusal.text


@pytest.fixture
async def push() -> AsyncIterator[Push]:
    push = Push()
    yield push
    await push.server.stop()


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[Provider]:
    provider = Provider(tmp_path)
    yield provider
    await provider.gateway.kill()
