"""One module takes the place of another while clients send requests."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ...modules import Modules  # noqa: TID252  (tests are no package)
from ...stand_ins import stand_in  # noqa: TID252
from .clients import Clients
from .swaps import swap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

SWAPS = int(os.environ.get("SWAPS", "4"))
"""20 with `make swaps`, 3 s apart: too long for every run."""
APART_SECONDS = float(os.environ.get("SWAPS_APART", "0"))
RATE = 200


@pytest.fixture
def modules(tmp_path: Path) -> Modules:
    return Modules(tmp_path / "modules")


def limits(kuadrant: Kuadrant) -> bool:
    """Whether one of a dozen requests is too many: 5 may pass in 10 s, so that two windows admit 10."""
    return any(kuadrant.request("POST").status == 429 for _ in range(12))


@pytest.mark.row(79)
@pytest.mark.timeout(600)
def test_modules_are_swapped_under_load_and_no_request_is_lost_or_unlimited(
    start: Callable[..., Kuadrant], toystore: Path, modules: Modules
) -> None:
    kuadrant = start(toystore, "--echo", "--modules", str(modules.folder))
    assert limits(kuadrant)
    before = kuadrant.calls()
    clients = Clients(kuadrant.port, 8, rate=RATE)
    for number in range(SWAPS):
        swap(kuadrant, modules, modules.data[(number + 1) % 2])
        time.sleep(APART_SECONDS)

    result = clients.stop()

    figures = (
        f"{SWAPS} swaps, {result.total} requests: {dict(result.statuses)}, {result.broken} connections broken"
    )
    sys.stdout.write(f"{figures}\n")
    assert set(result.statuses) <= {200, 429}
    assert result.statuses[429] > result.statuses[200]
    assert result.broken == 0
    assert kuadrant.calls() - before == result.total


@pytest.mark.timeout(600)
@pytest.mark.parametrize("dialect", ["rate-limit-policies", "action-sets", "action-sets-conditional-data"])
def test_a_module_of_another_dialect_takes_over_and_gives_back_under_load(
    start: Callable[..., Kuadrant], toystore: Path, modules: Modules, dialect: str
) -> None:
    """A module is never told anything in the dialect of another.

    One of them would let everything pass, or answer 503.
    """
    official = stand_in(dialect)
    modules.add("v0.4.0", official, dialect)
    kuadrant = start(toystore, "--echo", "--modules", str(modules.folder))
    before = kuadrant.calls()
    clients = Clients(kuadrant.port, 4, rate=RATE)
    statuses = []
    for data in (official, modules.data[0]):
        swap(kuadrant, modules, data)
        statuses.append([kuadrant.request("POST").status for _ in range(12)])

    result = clients.stop()

    assert all(429 in few for few in statuses)
    assert set(result.statuses) <= {200, 429}
    assert result.broken == 0
    assert kuadrant.calls() - before == result.total + 24


def test_what_is_no_module_of_the_lock_leaves_the_old_one_limiting_and_heals(
    start: Callable[..., Kuadrant], toystore: Path, modules: Modules
) -> None:
    kuadrant = start(toystore, "--echo", "--modules", str(modules.folder))
    # Bytes that were cut short, bytes of something else, and none at all; in the folder, as a broken download
    # leaves them.
    for wrong in (modules.data[1][:1000], b"<html>", b""):
        said = len(kuadrant.messages("is not applied"))
        modules.choose(wrong)
        kuadrant.wait(lambda said=said: len(kuadrant.messages("is not applied")) > said)  # type: ignore[misc]
        assert limits(kuadrant)
        assert kuadrant.get(kuadrant.wasm_port, "/kuadrant-wasm-shim").body == modules.data[0]
    assert "remove it, or `kuadrant wasm fetch`" in kuadrant.messages("is not applied")[-1]["module"]

    swap(kuadrant, modules, modules.data[1])


def test_a_module_that_envoy_refuses_leaves_the_old_one_limiting(
    start: Callable[..., Kuadrant], toystore: Path, modules: Modules
) -> None:
    # It is in the lock, and is no program that can run: the last section ends within itself.
    broken = modules.data[1][: len(modules.data[0]) // 2]
    kuadrant = start(toystore, "--echo", "--modules", str(modules.folder))

    modules.add("v2", broken)
    modules.choose(broken)

    kuadrant.wait(lambda: any("reasons" in line for line in kuadrant.messages("is not applied")))
    assert limits(kuadrant)
    assert kuadrant.get(kuadrant.wasm_port, "/kuadrant-wasm-shim").body == modules.data[0]
