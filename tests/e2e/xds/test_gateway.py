"""A gateway that others configure and that asks us for its module.

The very filter that is written for it, in a real Envoy.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.gateways.delivery_mode import Token
from kuadrant.operator.push.certificate import made
from kuadrant.xds import EXTENSION, Admission, Limits
from kuadrant.xds.wire import read_request
from tests.certificates import SHOWN
from tests.e2e.xds.gateway import NAME, Provider, Push, listener, provider, push, refused
from tests.ports import free_port

from .conftest import Load, answers, get, until
from .wat import module

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

__all__ = ["provider", "push"]  # fixtures


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


@pytest.mark.parametrize("seconds", [2, 25], ids=["soon", "after it was closed"])
async def test_a_pod_whose_address_is_not_known_yet_is_served_as_soon_as_it_is(
    push: Push, provider: Provider, seconds: int
) -> None:
    port = free_port()
    push.places = {}
    await push.restart()
    push.server.open()
    await push.set(module("v1"))
    provider.write(listener(port, push.filter()))
    await provider.gateway.start()
    await provider.closed(port, seconds)
    assert push.peers == []

    push.places["127.0.0.1"] = 1
    push.server.admit_again()
    await answers(port, "v1", seconds=4)


async def test_a_gateway_that_is_denied_and_closed_keeps_what_it_has_and_comes_back(
    push: Push, provider: Provider
) -> None:
    port = free_port()
    push.limits = Limits(hold=0.2)
    await push.restart()
    await push.set(module("v1"))
    provider.write(listener(port, push.filter()))
    await provider.gateway.start()
    await answers(port, "v1")

    async with Load(port) as load:
        admission = push.admissions.pop("pod-1")
        push.server.admit_again()
        async with asyncio.timeout(10):
            while push.server.status():
                await push.server.changed()
        await push.set(module("v2"))
        await load.more()
        assert set(load.answers) == {(200, "v1")}
        push.admissions["pod-1"] = admission
        await answers(port, "v2", seconds=20)
    assert load.closed == 0


async def test_the_first_request_of_an_envoy_is_far_smaller_than_it_may_be(
    push: Push, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def measured(received: bytes, *more: Any) -> Any:
        sizes.append(len(received))
        return read_request(received, *more)

    monkeypatch.setattr("kuadrant.xds.server.read_request", measured)
    provider.write(listener(free_port(), push.filter()))
    await push.server.start()
    await provider.gateway.start()
    await until(lambda: sizes)
    assert sizes[0] < Limits().message / 4


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
