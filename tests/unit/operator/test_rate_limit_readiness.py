"""Gateways are told to ask the rate limit service when its endpoints were ready for long enough."""

from __future__ import annotations

import asyncio

import httpx2
import msgspec
import pytest

from kuadrant.kube.kind import StoredObject
from kuadrant.operator.core import kinds
from kuadrant.operator.core.times import REACH_SECONDS
from kuadrant.operator.fact_store import FactStore
from kuadrant.operator.rate_limit_readiness import RateLimitWatch
from tests.unit.operator.known import known
from tests.unit.operator.virtual_time import VirtualTimeLoop

KEY = ("kuadrant-system", "limitador-1")


def say(watch: RateLimitWatch, version: int, *, ready: bool) -> None:
    document = {
        "metadata": {"namespace": KEY[0], "name": KEY[1]},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}],
    }
    slice_ = msgspec.convert(document, kinds.ENDPOINT_SLICES.model)
    watch._watch._store.receive(kinds.ENDPOINT_SLICES, [StoredObject(KEY, "1", str(version), slice_)])


async def answers() -> list[tuple[float, bool]]:
    """When it is known whether the service can be asked: its endpoint comes, goes and comes again."""
    loop = asyncio.get_running_loop()
    facts, found, began = FactStore(known(can_be_asked=True)), list[tuple[float, bool]](), loop.time()
    facts.listen(lambda: found.append((round(loop.time() - began, 1), facts.value.can_be_asked)))
    watch = RateLimitWatch(httpx2.AsyncClient(), facts)
    for version, ready in enumerate((True, False, True), 1):
        say(watch, version, ready=ready)
        await asyncio.sleep(10)
    return found


def test_it_can_be_asked_when_everybody_knows_its_endpoints() -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        found = runner.run(answers())

    assert [can_be_asked for _, can_be_asked in found] == [False, True, False, True]
    times = [at for at, _ in found]
    assert times == pytest.approx([0, REACH_SECONDS, 10, 20 + REACH_SECONDS], abs=0.2)
