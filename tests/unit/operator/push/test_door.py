"""Who comes in to the operator's push server.

Pods of gateways, the other replicas, and the operator when it looks whether it is reached.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import pytest

from kuadrant.gateways.envoy import Address
from kuadrant.operator.modules.address_proof import prove_reachable
from kuadrant.operator.push.certificate import PROOF, REPLICA, made, word_of
from kuadrant.operator.push.gateway_pods import GatewayPod, GatewayPods
from kuadrant.operator.push.replicas import Replicas
from kuadrant.operator.push.server import Push
from kuadrant.xds.peer import nobody
from tests.certificates import SHOWN
from tests.unit.operator.known import module
from tests.unit.operator.push.pushing import MODULE, address_of
from tests.unit.xds.client import EXTENSIONS, Client
from tests.unit.xds.via import Via

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

POD, REPLICA_AT = "127.0.0.2", "127.0.0.3"
WORD = word_of(SHOWN.certificate, REPLICA)
NOTHING_DECIDED: Any = SimpleNamespace(gateways={}, module=module(address=address_of(MODULE)))


@pytest.fixture
async def push() -> AsyncIterator[Push]:
    """It knows one pod of a gateway and one other replica."""
    push = Push(MODULE, SHOWN.certificate, 0, "127.0.0.1", identify=nobody)
    push.port = await push.start()  # type: ignore[attr-defined]
    pod = GatewayPod(("ns", "pod"), (("ns", "gw"),), (POD,), ready=True)
    await push.take(NOTHING_DECIDED, GatewayPods([pod]))
    push.know(frozenset({REPLICA_AT}))
    yield push
    await push.stop()


async def told(port: int, address: str, word: str) -> grpc.StatusCode:
    """What becomes of asking, as a replica does, from an address with a word.

    OK if the first answer comes.
    """
    via = Via(address, port)
    known = grpc.ssl_channel_credentials(SHOWN.authority.encode())
    options = [("grpc.use_local_subchannel_pool", 1)]
    try:
        async with grpc.aio.secure_channel(via.target, known, options) as channel:
            follow = channel.unary_stream("/kuadrant.operator.Deliveries/Follow")
            call = follow(b"", metadata=(("kuadrant-replica", word),))
            async with asyncio.timeout(10):
                await call.read()
    except grpc.aio.AioRpcError as error:
        return error.code()
    finally:
        await via.close()
    return grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("address", "word", "code"),
    [
        pytest.param(REPLICA_AT, WORD, grpc.StatusCode.OK, id="a replica"),
        pytest.param(REPLICA_AT, "", grpc.StatusCode.PERMISSION_DENIED, id="who has a replica's address now"),
        pytest.param(
            REPLICA_AT,
            word_of(SHOWN.certificate, PROOF),
            grpc.StatusCode.PERMISSION_DENIED,
            id="who has overheard the other word",
        ),
        pytest.param(POD, WORD, grpc.StatusCode.PERMISSION_DENIED, id="a gateway's pod"),
    ],
)
async def test_only_a_replica_learns_of_pods(
    push: Any, address: str, word: str, code: grpc.StatusCode
) -> None:
    assert await told(push.port, address, word) is code


async def test_replicas_know_each_other_by_the_certificate_that_is_shown_now(push: Any) -> None:
    anew = made("127.0.0.1", dt.datetime.now(dt.UTC))
    push.show(anew.certificate)
    via = Via(REPLICA_AT, push.port)
    heard = asyncio.Event()
    replicas = Replicas(heard.set, "127.0.0.1")
    replicas.authority, replicas.word = anew.authority, word_of(anew.certificate, REPLICA)
    try:
        replicas.follow([via.target])
        await asyncio.wait_for(heard.wait(), 10)
        assert [*replicas.heard()] == [{}]
    finally:
        await replicas.stop()
        await via.close()


async def test_whether_it_is_reached_is_found_out_from_anywhere(push: Any) -> None:
    word = word_of(SHOWN.certificate, PROOF)
    assert await prove_reachable(Address("127.0.0.1", push.port), SHOWN.authority, word) == ""


async def test_who_connects_before_anything_is_decided_waits_for_that() -> None:
    push = Push(MODULE, SHOWN.certificate, 0, "127.0.0.1", identify=nobody)
    early = Client(await push.start(), EXTENSIONS, "pod", SHOWN.authority, address=POD)
    try:
        asking = asyncio.create_task(early.ask("", "kuadrant/ns/gw"))
        done, _ = await asyncio.wait([asking], timeout=0.2)
        assert not done
        pod = GatewayPod(("ns", "pod"), (("ns", "gw"),), (POD,), ready=True)
        await push.take(NOTHING_DECIDED, GatewayPods([pod]))
        await asyncio.wait_for(asking, 10)
        async with asyncio.timeout(10):
            while "ns/pod" not in push.deliveries():
                await push.changed()
    finally:
        await early.close()
        await push.stop()
