"""A gateway that others configure and that asks us for its module: the very filter that is written for it, in a real Envoy."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.gateways.envoy import Address
from kuadrant.gateways.push import PushServer, Token, asking_filter, resource_name
from kuadrant.operator.certificate import made
from kuadrant.xds import EXTENSION, Admission, Credentials, Denial, Identity, Peer, Server, Snapshot
from tests.certificates import SHOWN
from tests.ports import free_port

from .conftest import MANAGER, ROUTER, Gateway, Load, T, address, answers, get, until
from .test_extension import extension
from .wat import module

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

NAME = resource_name("ns", "gw")
PLAIN = {"status": 200, "body": {"inline_string": "plain"}}


def listener(port: int, *http_filters: dict[str, Any]) -> dict[str, Any]:
    """A listener as a provider makes it; without a module's answer every request is answered with ``plain``."""
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
        self.server = self._server()

    def _server(self) -> Server:
        return Server(
            port=self.port, admit=self._admit, credentials=self.credentials, identify=self._identify
        )

    async def _identify(self, token: str) -> Identity:
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
        server = PushServer(address=Address("127.0.0.1", self.port), authority=SHOWN.authority)
        return asking_filter(name, server, token)


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


async def test_a_gateway_that_starts_while_we_are_away_is_closed_and_opens_when_we_are_back(
    push: Push, provider: Provider
) -> None:
    port = free_port()
    provider.write(listener(port, push.filter()))
    await provider.gateway.start()
    await provider.closed(port, 17)  # longer than Envoy would wait by itself

    await push.server.start()
    await push.set(module("v1"))
    await answers(port, "v1", seconds=10)


async def test_a_gateway_that_serves_goes_on_until_we_have_answered(push: Push, provider: Provider) -> None:
    port = free_port()
    provider.write(listener(port))
    await provider.gateway.start()
    await answers(port, "plain")

    provider.write(listener(port, push.filter()))
    await push.server.start()
    await until(lambda: push.peers)
    assert {await get(port) for _ in range(20)} == {(200, "plain")}

    await push.set(module("v1"))
    await answers(port, "v1", seconds=10)


async def test_what_is_refused_at_the_very_first_is_closed(push: Push, provider: Provider) -> None:
    port = free_port()
    provider.write(listener(port, push.filter()))
    await push.server.start()
    await push.set(module("refused", accepts=False))
    await provider.gateway.start()
    seen: Counter[int] = Counter()

    async def closed() -> None:
        while not seen[503]:
            seen[(await get(port))[0]] += 1
            await asyncio.sleep(0.01)

    await asyncio.wait_for(closed(), 20)
    assert set(seen) <= {0, 503}

    await push.set(module("v1"))
    await answers(port, "v1", seconds=10)


async def test_a_refusal_leaves_the_last_good_state_and_is_known_at_once(
    push: Push, provider: Provider
) -> None:
    port = free_port()
    provider.write(listener(port, push.filter()))
    await push.server.start()
    await push.set(module("good"))
    await provider.gateway.start()
    await answers(port, "good")

    async with Load(port) as load:
        await push.set("AGFzbQ==")
        async with asyncio.timeout(1):
            while not (refusal := refused(push.server)):
                await push.server.changed()
        await load.more()

    assert "Unable to create Wasm" in refusal
    assert set(load.answers) == {(200, "good")}
    assert load.closed == 0
    (connected,) = push.server.connected()
    assert connected.stream.types[EXTENSION].running.keys() == {NAME}


def refused(server: Server) -> str:
    (connected,) = server.connected()
    refusal = connected.stream.types[EXTENSION].refusal
    return "" if refusal is None else refusal.text


async def test_our_absence_is_not_felt_and_a_change_is_there_soon_after_our_return(
    push: Push, provider: Provider
) -> None:
    port = free_port()
    provider.write(listener(port, push.filter()))
    await push.server.start()
    await push.set(module("v1"))
    await provider.gateway.start()
    await answers(port, "v1")

    async with Load(port) as load:
        await push.server.stop()
        await load.more(200)
        await push.restart()
        await push.server.changed()
        await load.more()  # one that knows nothing yet answers nothing
        assert set(load.answers) == {(200, "v1")}
        await push.set(module("v2"))
        await answers(port, "v2", seconds=10)

    assert load.closed == 0


async def test_a_pod_gets_what_its_own_gateway_gets_and_nothing_else(
    push: Push, provider: Provider, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Provider(tmp_path / "other", "pod-2")
    own, foreign, late = free_port(), free_port(), free_port()
    provider.write(
        listener(own, push.filter()), {**listener(foreign, push.filter("kuadrant/ns/other")), "name": "b"}
    )
    other.write(listener(late, push.filter()))
    await push.server.start()
    await push.set(module("v1"))
    await push.set(module("other"), group="ns/other")
    await provider.gateway.start()
    await other.gateway.start()
    try:
        await until(lambda: len(push.server.connected()) == 3)
        await until(
            lambda: sum(bool(one.stream.types[EXTENSION].running) for one in push.server.connected()) == 1
        )
        assert await get(foreign) == await get(late) == (0, "")

        push.admissions["pod-2"] = Admission("ns/pod-2", "ns/gw")
        push.server.admit_again()
        await answers(late, "v1", seconds=10)
    finally:
        await other.gateway.kill()


async def test_a_server_that_a_gateway_does_not_know_gets_no_word_of_it_until_it_shows_what_it_ought_to(
    push: Push, provider: Provider
) -> None:
    port = free_port()
    provider.write(listener(port, push.filter()))
    push.credentials.certificate = made("127.0.0.1", dt.datetime.now(dt.UTC)).certificate
    await push.server.start()
    await push.set(module("v1"))
    await provider.gateway.start()
    await provider.closed(port, 5)  # it tries again every two seconds at the least
    assert not push.peers

    push.credentials.certificate = SHOWN.certificate
    await answers(port, "v1", seconds=10)


async def test_an_open_stream_goes_on_when_another_certificate_is_shown(
    push: Push, provider: Provider
) -> None:
    port = free_port()
    provider.write(listener(port, push.filter()))
    await push.server.start()
    await push.set(module("v1"))
    await provider.gateway.start()
    await answers(port, "v1")

    push.credentials.certificate = made("127.0.0.1", dt.datetime.now(dt.UTC)).certificate
    await push.set(module("v2"))
    await answers(port, "v2")


async def test_a_gateway_shows_the_token_that_it_has_at_the_moment(
    push: Push, provider: Provider, tmp_path: Path
) -> None:
    port, file = free_port(), tmp_path / "token"
    push.tokens = {"first": "ns/pod-1", "second": "ns/pod-2"}
    file.write_text("first")
    provider.write(listener(port, push.filter(token=Token(str(file), ""))))
    await push.server.start()
    await push.set(module("v1"))
    await provider.gateway.start()
    await answers(port, "v1")
    assert [peer.identity.pod for peer in push.peers] == ["ns/pod-1"]

    file.write_text("second")
    await push.server.stop()
    await push.restart()
    await until(lambda: push.peers[1:])
    assert push.peers[-1].identity.pod == "ns/pod-2"


async def test_a_gateway_without_the_token_that_it_is_to_show_asks_for_nothing(
    push: Push, provider: Provider, tmp_path: Path
) -> None:
    port, file = free_port(), tmp_path / "token"
    provider.write(listener(port, push.filter(token=Token(str(file), ""))))
    await push.server.start()
    await push.set(module("v1"))
    await provider.gateway.start()
    await provider.closed(port, 3)
    assert not push.peers

    file.write_text("late")
    await answers(port, "v1", seconds=35)
