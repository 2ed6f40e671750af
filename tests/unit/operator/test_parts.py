"""Each task of `kuadrant operator` is ended in turn.

It is said, and begun anew, or the process ends and is started again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.operator.core import kinds
from kuadrant.operator.run import run
from kuadrant.settings import OperatorSettings
from tests.ports import free_ports
from tests.unit.kube.http_server import serve
from tests.unit.operator.empty_cluster import empty_cluster, kubeconfig
from tests.victims import Command

if TYPE_CHECKING:
    from pathlib import Path


TASKS = {
    "SecretKeeper._keep",
    "SecretKeeper.run",
    "ServicePodKeeper._keep",
    "Follower.run",
    "Operator.run",
    "PushReach._prove",
    "EventQueue.run",
    "Workers._run_one",
    "Workers.run",
    *(f"following {kind.name}" for kind in kinds.ALL),
    "following control planes (app=istiod)",
    "following our Service",
    "following the modules",
    "following the rate limit service",
    "leading",
    "the Lease",
    "the key of gateways' tokens",
    "the look at that key",
    "the look at the fields of kinds",
    "the pods of the rate limit service",
    "the proof of our own module",
    "the proof of the module's address",
    "the reach of the push server",
    "what is done in the cluster",
    "what pods say",
}


@pytest.mark.parametrize("victim", sorted(TASKS))
async def test_no_task_ends_unnoticed(victim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wasm_port, push_port, probes_port, metrics_port = free_ports(4)
    async with serve(empty_cluster) as server:
        kubeconfig(tmp_path / "kubeconfig", server, monkeypatch)
        modules = tmp_path / "modules"
        modules.mkdir()
        settings = OperatorSettings(
            namespace="kuadrant-system",
            modules=modules,
            wasm_host="127.0.0.1",
            push_host="127.0.0.1",
            wasm_port=wasm_port,
            push_port=push_port,
            probes_port=probes_port,
            metrics_port=metrics_port,
        )
        async with Command(run(settings)) as command:
            await command.until_it_has(TASKS)
            await command.kill(victim)
            await command.until_it_has_said_so(TASKS)
