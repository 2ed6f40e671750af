"""Which module gateways are told of while modules come and go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kuadrant.dialects import UnknownDialectError
from kuadrant.operator.modules.module_rollout import ModuleRollout, offer
from kuadrant.settings import OperatorSettings
from kuadrant.wasm.module import Module

if TYPE_CHECKING:
    from kuadrant.gateways.module_address import ModuleAddress as Address

SETTINGS = OperatorSettings(namespace="kuadrant-system")


def module(version: str, dialect: str = "kuadrant-v1") -> Module:
    return Module("shim", b"\0asm\1\0\0\0" + version.encode(), version=version, dialects=(dialect,))


A, B, C = map(module, "ABC")
UNREADABLE = module("D", "something else")


class Cluster:
    """What addresses give, and what the objects of gateways name."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}
        self.named: list[str] = []
        self.answering = asyncio.Event()
        self.answering.set()

    async def prove(self, address: Address) -> str:
        await self.answering.wait()
        return self.problems.get(address.sha256, "")

    def supply(self, *modules: Module) -> ModuleRollout:
        return ModuleRollout(modules, lambda one: offer(one, SETTINGS), self.prove, lambda: self.named)


@pytest.fixture
async def cluster() -> Cluster:
    return Cluster()


async def limiting(cluster: Cluster) -> ModuleRollout:
    """A supply whose gateways have been told of A."""
    supply = cluster.supply(A)
    await supply.prove()
    assert supply.proven
    return supply


def told(supply: ModuleRollout) -> tuple[str, str]:
    facts = supply.facts()
    assert facts.address.sha256 == supply.told.module.sha256
    return facts.name, facts.problem


async def test_before_its_address_was_tried_there_is_something_wrong_with_it(cluster: Cluster) -> None:
    assert told(cluster.supply(A)) == ("shim A", "its address was not tried yet")


async def test_another_takes_over_when_its_address_gives_its_bytes(cluster: Cluster) -> None:
    supply = await limiting(cluster)

    supply.take((B, A))
    assert told(supply) == ("shim A", "")
    assert not supply.proven

    await supply.prove()
    assert told(supply) == ("shim B", "")
    assert supply.proven


async def test_what_is_not_served_leaves_the_former_and_is_told_of_until_it_is(cluster: Cluster) -> None:
    supply = await limiting(cluster)
    cluster.problems[B.sha256] = "it answers 404"
    supply.take((B, A))
    assert supply.facts().pending == ""  # nothing is known yet
    await supply.prove()

    assert told(supply) == ("shim A", "")
    assert supply.facts().pending == "shim A stays, shim B is not served: it answers 404"

    cluster.problems.clear()
    await supply.prove()
    assert told(supply) == ("shim B", "")
    assert supply.facts().pending == ""


async def test_a_server_that_is_down_is_told_of_for_both(cluster: Cluster) -> None:
    supply = await limiting(cluster)
    cluster.problems = {A.sha256: "nobody is there", B.sha256: "nobody is there"}
    supply.take((B, A))
    await supply.prove()

    assert told(supply) == ("shim A", "nobody is there")
    assert supply.facts().pending == "shim A stays, shim B is not served: nobody is there"


async def test_what_was_told_stays_on_the_shelf_and_what_never_was_does_not(cluster: Cluster) -> None:
    supply = await limiting(cluster)
    cluster.problems[B.sha256] = "it answers 404"
    supply.take((B,))
    assert supply.held == (B, A)
    await supply.prove()

    supply.take((C,))
    assert supply.held == (C, A)
    await supply.prove()
    assert told(supply) == ("shim C", "")
    assert supply.held == (C, A)


async def test_the_former_one_again_is_no_change(cluster: Cluster) -> None:
    supply = await limiting(cluster)
    before = supply.facts()
    cluster.problems[B.sha256] = "it answers 404"
    supply.take((B, A))
    await supply.prove()

    supply.take((A, B))
    assert supply.facts() == before
    assert supply.proven


async def test_one_that_was_replaced_while_it_was_tried_does_not_take_over(cluster: Cluster) -> None:
    supply = await limiting(cluster)
    supply.take((B, A))
    cluster.answering.clear()
    proving = asyncio.create_task(supply.prove())
    await asyncio.sleep(0)
    supply.take((C, B, A))
    cluster.answering.set()
    await proving

    assert told(supply) == ("shim A", "")
    await supply.prove()
    assert told(supply) == ("shim C", "")


async def test_one_that_nothing_is_written_for_changes_nothing_but_what_is_said(cluster: Cluster) -> None:
    supply = await limiting(cluster)
    with pytest.raises(UnknownDialectError):
        supply.take((UNREADABLE, A))
    assert supply.held == (A,)

    supply.refuse("the module reads something else")
    assert told(supply) == ("shim A", "")
    assert supply.facts().pending == "shim A stays: the module reads something else"
    supply.take((A,))
    assert supply.facts().pending == ""


async def test_after_a_start_gateways_keep_what_they_have_until_the_new_one_is_served(
    cluster: Cluster,
) -> None:
    """An operator that was replaced in the middle of an upgrade, say: policies can be edited all the same."""
    cluster.problems[B.sha256] = "http://10.0.0.2:8082/ answers 503"
    cluster.named = [A.sha256, A.sha256, "0" * 64]
    supply = cluster.supply(B, A)
    await supply.prove()
    await supply.prove()

    assert told(supply) == ("shim A", "")
    assert "shim B is not served: http://10.0.0.2:8082/ answers 503" in supply.pending

    cluster.problems.clear()
    await supply.prove()
    assert told(supply) == ("shim B", "")


@pytest.mark.parametrize(
    "named",
    [
        pytest.param([], id="nothing"),
        pytest.param(["0" * 64], id="one that is not here"),
        pytest.param([B.sha256, A.sha256, B.sha256], id="the new one, most of them"),
        pytest.param([UNREADABLE.sha256], id="one that nothing is written for"),
    ],
)
async def test_after_a_start_gateways_wait_for_the_new_one_where_they_have(
    cluster: Cluster, named: list[str]
) -> None:
    cluster.problems[B.sha256] = "it answers 404"
    cluster.named = named
    supply = cluster.supply(B, A, UNREADABLE)
    await supply.prove()
    await supply.prove()

    assert told(supply) == ("shim B", "it answers 404")
    assert supply.pending == ""


async def test_one_that_was_served_stays_when_it_no_longer_is(cluster: Cluster) -> None:
    """What gateways were told a moment ago is not taken back: there is nothing better to tell."""
    supply = cluster.supply(B, A)
    await supply.prove()
    cluster.problems[B.sha256] = "it answers 404"
    cluster.named = [A.sha256]
    await supply.prove()

    assert told(supply) == ("shim B", "it answers 404")
