"""Streams and requests of an address, and the port that they come to."""

from __future__ import annotations

import socket

import pytest

from kuadrant.xds.grpc_listener import AddressError, GrpcListener
from kuadrant.xds.peer_bounds import Limits, Rate
from kuadrant.xds.stream_quota import StreamQuota


def test_an_address_has_as_many_streams_as_the_envoys_that_may_be_there() -> None:
    quota = StreamQuota(lambda address: {"one": 1, "two": 2}[address], Limits(streams=1))
    for address in ("one", "two"):
        quota.enter(address)
    full = quota.turned_away("one")
    assert full is not None
    assert full.reason == "streams"
    assert quota.turned_away("two") is None
    quota.leave("one")
    assert quota.turned_away("one") is None


def test_a_stream_from_where_no_envoy_may_be_is_closed() -> None:
    end = StreamQuota(lambda _: 0, Limits()).turned_away("one")
    assert end is not None
    assert end.reason == "stranger"


def test_requests_above_the_pace_of_an_address_wait_until_it_is_forgotten() -> None:
    places = {"one": 1}
    quota = StreamQuota(lambda address: places.get(address, 0), Limits(requests=Rate(1.0, burst=1.0)))
    assert quota.delay("one", 0.0) == 0.0
    assert quota.delay("one", 0.0) == 1.0
    quota.look()
    assert quota.delay("one", 0.0) == 2.0
    places.clear()
    quota.look()
    assert quota.delay("one", 0.0) == 0.0


async def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listener = GrpcListener("127.0.0.1", taken.getsockname()[1], None, None)
        with pytest.raises(AddressError, match="the port is taken"):
            await listener.start((), (("grpc.so_reuseport", 0),))
        await listener.stop()
