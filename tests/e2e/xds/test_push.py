"""A real Envoy takes everything from our server, keeps serving while it changes, and its refusals arrive."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.xds import CLUSTER, LISTENER, ROUTE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Rig

from .conftest import Gateway, Load, answers, cluster, endpoints, get, listener, routes, until

pytestmark = pytest.mark.e2e


async def serving(rig: Rig, upstream: Callable[[str], Any], text: str = "a") -> int:
    """Bring up ``text`` behind the listener; returns the upstream's port."""
    port: int = await upstream(text)
    await rig.set(cluster("c"), endpoints("c", port), listener(rig.port), routes("c"))
    await answers(rig.port, text)
    return port


async def test_envoy_comes_up_with_what_we_push(rig: Rig, upstream: Callable[[str], Any]) -> None:
    await serving(rig, upstream)

    assert await rig.settled() == ()
    (status,) = rig.server.status()
    assert status.node == "gateway-1"
    assert {kind.state for kind in status.types.values()} == {"taken"}
    assert all(kind.taken_version == kind.sent_version for kind in status.types.values())
    assert status.types[ROUTE].names == ("routes",)


async def test_each_type_changes_without_a_failed_request(rig: Rig, upstream: Callable[[str], Any]) -> None:
    a = await serving(rig, upstream)
    b, c = await upstream("b"), await upstream("c")
    async with Load(rig.port) as load:
        # Endpoints.
        await rig.set(cluster("c"), endpoints("c", b), listener(rig.port), routes("c"))
        await answers(rig.port, "b", seconds=5)
        # A changed cluster with the same endpoints: it warms until it has got them again.
        slow = cluster("c", connect_timeout="2s")
        await rig.set(slow, endpoints("c", b), listener(rig.port), routes("c"))
        assert await asyncio.wait_for(rig.settled(), 5) == ()
        # A changed cluster whose endpoints change at the same time, and another one beside it.
        both = (cluster("c", connect_timeout="3s"), endpoints("c", a), cluster("d"), endpoints("d", c))
        await rig.set(*both, listener(rig.port), routes("c"))
        await answers(rig.port, "a", seconds=5)
        assert await asyncio.wait_for(rig.settled(), 5) == ()
        # Routes.
        await rig.set(*both, listener(rig.port), routes("d"))
        await answers(rig.port, "c", seconds=5)
        await load.more()
        assert load.closed == 0
        # The listener, with other routes; its connections are drained.
        await rig.set(*both, listener(rig.port, routes="more"), routes("c", "more"), routes("d"))
        await answers(rig.port, "a", seconds=5)
        assert await rig.settled() == ()

    assert {status for status, _ in load.answers} == {200}
    assert rig.refusals == []


async def test_a_new_cluster_and_the_route_to_it_in_one_change(
    rig: Rig, upstream: Callable[[str], Any]
) -> None:
    port = await serving(rig, upstream)
    kept = [cluster("c"), endpoints("c", port)]

    async with Load(rig.port) as load:
        for number in range(20):
            kept += [cluster(f"n{number}"), endpoints(f"n{number}", port)]
            await rig.set(*kept, listener(rig.port), routes(f"n{number}"))
            assert await rig.settled() == ()
            await load.more(5)

    assert set(load.answers) == {(200, "a")}
    assert load.closed == 0


async def test_a_bad_listener_is_refused_and_the_next_good_one_heals_it(
    rig: Rig, upstream: Callable[[str], Any]
) -> None:
    port = await serving(rig, upstream)
    rest = (cluster("c"), endpoints("c", port), routes("c"))
    await rig.settled()

    await rig.set(*rest, listener(rig.port, {"name": "nonsense", "typed_config": {"@type": LISTENER}}))
    (refusal,) = await rig.settled(LISTENER)

    assert refusal == rig.refusals[0]
    assert (refusal.node, refusal.type_url, refusal.names) == ("gateway-1", LISTENER, ("main",))
    assert "Didn't find a registered implementation for 'nonsense'" in refusal.text
    assert rig.server.status()[0].types[LISTENER].refusal == refusal
    assert await get(rig.port) == (200, "a")

    await rig.set(*rest, listener(rig.port, stat_prefix="healed"))
    assert await rig.settled(LISTENER) == ()
    assert rig.server.status()[0].types[LISTENER].state == "taken"
    assert len(rig.refusals) == 1
    assert await get(rig.port) == (200, "a")


async def test_bad_routes_are_refused_and_the_old_ones_stay(rig: Rig, upstream: Callable[[str], Any]) -> None:
    port = await serving(rig, upstream)
    bad = routes("c")
    bad["virtual_hosts"][0]["routes"][0]["match"] = {"safe_regex": {"regex": "("}}

    await rig.set(cluster("c"), endpoints("c", port), listener(rig.port), bad)
    (refusal,) = await rig.settled(ROUTE)

    assert "missing )" in refusal.text
    assert await get(rig.port) == (200, "a")


async def test_of_several_endpoints_only_the_bad_ones_are_refused(
    rig: Rig, upstream: Callable[[str], Any]
) -> None:
    a, b = await upstream("a"), await upstream("b")
    bad = endpoints("bad", 1)
    bad["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]["address"] = (
        "not an address"
    )
    rest = (cluster("bad"), cluster("c"), listener(rig.port), routes("c"))
    await rig.set(*rest, endpoints("bad", a), endpoints("c", a))
    await answers(rig.port, "a")

    await rig.set(*rest, bad, endpoints("c", b))
    (refusal,) = await rig.settled()

    assert refusal.names == ("bad",)
    assert "not an address" in refusal.text
    await answers(rig.port, "b", seconds=5)
    assert [refusal.names for refusal in rig.refusals] == [("bad", "c"), ("bad",)]


async def test_a_killed_envoy_gets_everything_again(rig: Rig, upstream: Callable[[str], Any]) -> None:
    await serving(rig, upstream)

    await rig.gateway.kill()
    assert await get(rig.port) == (0, "")
    await rig.gateway.start()

    await answers(rig.port, "a")
    assert await rig.settled() == ()
    assert len(rig.server.status()) == 1


async def test_a_server_that_comes_back_on_its_port_changes_nothing(
    rig: Rig, upstream: Callable[[str], Any]
) -> None:
    port = await serving(rig, upstream)
    rest = (cluster("c"), endpoints("c", port), listener(rig.port), routes("c"))
    async with Load(rig.port) as load:
        await rig.server.stop()
        await load.more()
        await rig.start_server()
        await rig.set(*rest)
        await until(lambda: rig.server.status() and len(rig.server.status()[0].types) == 4)
        assert await rig.settled() == ()
        await load.more()

    assert set(load.answers) == {(200, "a")}
    assert load.closed == 0


async def test_two_envoys_are_told_the_same(rig: Rig, upstream: Callable[[str], Any], tmp_path: Path) -> None:
    port = await serving(rig, upstream)
    (tmp_path / "second").mkdir()
    second = Gateway(tmp_path / "second", rig.xds_port, "gateway-2")
    await second.start()
    try:
        await until(lambda: len(rig.server.status()) == 2 and LISTENER in rig.server.status()[1].types)
        await rig.set(cluster("c"), endpoints("c", port), listener(rig.port), routes("c", "routes"))
        await rig.settled()
        first, other = rig.server.status()
    finally:
        await second.kill()

    assert (first.node, other.node) == ("gateway-1", "gateway-2")
    assert first.types[CLUSTER].taken_version == other.types[CLUSTER].taken_version != ""
    await until(lambda: len(rig.server.status()) == 1)
