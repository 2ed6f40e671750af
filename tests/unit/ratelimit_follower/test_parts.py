"""Each task of `kuadrant ratelimit` is ended in turn: it is said, and begun anew, or the process ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.ratelimit_follower import run
from kuadrant.settings import RatelimitSettings
from tests.ports import free_ports
from tests.victims import Command

from ..kube.http_server import serve  # noqa: TID252 - tests are no package
from .conftest import limit
from .kubeconfig import kubeconfig

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Api

TASKS = {
    "following the resource",
    "following the key",
    "the look at who may ask",
    "writing the status",
    "the choice of the store",
    "the look at connections",
    "the word of limits asked for in vain",
    "_wait",
}


@pytest.mark.parametrize("victim", sorted(TASKS))
async def test_no_task_ends_unnoticed(victim: str, api: Api, tmp_path: Path) -> None:
    api.put(limit(3))
    port, operations_port = free_ports(2)
    async with serve(api.handle) as server:
        settings = RatelimitSettings(
            address="127.0.0.1",
            port=port,
            operations_port=operations_port,
            counters_port=0,
            kubeconfig=kubeconfig(tmp_path / "config", server),
        )
        async with Command(run(settings)) as command:
            await command.until_it_has(TASKS)
            await command.kill(victim)
            await command.until_it_has_said_so(TASKS)
