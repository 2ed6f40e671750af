"""A gateway that could not get its module is told of another address when that is proven, each time later."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kuadrant.gateways.module_address import served_module
from kuadrant.operator.core.times import LONGEST_RETRY_SECONDS, UNPROVEN_SECONDS
from kuadrant.operator.modules.module_retries import ModuleRetries
from tests.unit.operator.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from kuadrant.gateways.module_address import ModuleAddress

GATEWAY = ("ns", "gw")
MODULE = served_module("modules.example", 8082, "0" * 64)


async def gives(_: ModuleAddress) -> str:
    return ""


async def fails(_: ModuleAddress) -> str:
    return "it answers 503"


async def waits(tries: int) -> list[float]:
    """For how long the gateway waits after each try; time passes."""
    retries, found = ModuleRetries(gives), list[float]()
    for number in range(1, tries + 1):
        module = MODULE.at_try(number)
        assert await retries.delay(GATEWAY, module) == 0
        left = await retries.delay(GATEWAY, module)
        await asyncio.sleep(left)
        found.append(left)
    return found


def test_each_try_waits_longer_up_to_a_bound() -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        found = runner.run(waits(6))

    longest = LONGEST_RETRY_SECONDS
    assert found == pytest.approx([1, 2, 4, 8, longest, longest], abs=0.1)


async def test_nobody_is_told_of_an_address_that_gives_nothing() -> None:
    assert await ModuleRetries(fails).delay(GATEWAY, MODULE.at_try(1)) == UNPROVEN_SECONDS


async def test_one_gateway_does_not_wait_for_the_tries_of_another() -> None:
    retries = ModuleRetries(gives)
    await retries.delay(GATEWAY, MODULE.at_try(5))

    assert await retries.delay(("ns", "other"), MODULE.at_try(1)) == 0


async def test_a_gateway_that_is_gone_is_forgotten() -> None:
    retries = ModuleRetries(gives)
    await retries.delay(GATEWAY, MODULE.at_try(5))
    retries.forget_all_but(())

    assert await retries.delay(GATEWAY, MODULE.at_try(5)) == 0
