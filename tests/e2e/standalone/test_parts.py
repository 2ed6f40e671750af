"""Each task of `kuadrant run` is ended in turn: it is said, and begun anew, after which edits are taken.

Or the process ends.
"""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from kuadrant.settings import RunSettings
from kuadrant.standalone.run import run
from tests.ports import free_ports
from tests.victims import SECONDS, Command

from .conftest import EXAMPLES

if TYPE_CHECKING:
    from pathlib import Path

TASKS = {
    "Server._read",
    "Standalone.serve",
    "following the folder",
    "following the modules",
    "running Envoy",
    "the look at Envoy's ports",
    "the look at connections",
    "telling the console of Envoy",
    "telling what is suspicious in the folder",
}


# What gRPC would say to its own call that was ended from here.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("victim", sorted(TASKS))
async def test_no_task_ends_unnoticed(victim: str, tmp_path: Path) -> None:
    folder, modules = tmp_path / "folder", tmp_path / "modules"
    shutil.copytree(EXAMPLES / "toystore", folder)
    modules.mkdir()
    port, wasm_port, admin_port, metrics_port = free_ports(4)
    settings = RunSettings(
        port=port, wasm_port=wasm_port, admin_port=admin_port, metrics_port=metrics_port, modules=modules
    )
    async with Command(run(folder, settings)) as command:

        def live() -> int:
            return sum(line["msg"] == "the configuration is live" for line in command.lines)

        async def until_live(count: int) -> None:
            async with asyncio.timeout(SECONDS):
                while live() < count:
                    assert not command.running.done(), command.lines
                    await asyncio.sleep(0.01)  # the log tells nobody

        await until_live(1)
        await command.until_it_has(TASKS)
        await command.kill(victim)
        await command.until_it_has_said_so(TASKS)
        if not command.running.done():
            count = live()
            (folder / "more.yaml").write_text(
                "apiVersion: v1\nkind: Service\nmetadata: {name: more}\nspec: {ports: [{port: 80}]}\n"
            )
            await until_live(count + 1)
