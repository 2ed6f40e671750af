"""The operator that runs tells what docs/metrics.md has, and nothing else."""

from __future__ import annotations

import asyncio
import re
import time
import urllib.request
from typing import TYPE_CHECKING

from kuadrant.operator.push.certificate import LIFE
from kuadrant.operator.run import run
from kuadrant.settings import OperatorSettings
from scripts.generate_metrics import sections
from tests.ports import free_ports
from tests.scraped import assert_told
from tests.unit.kube.http_server import serve
from tests.unit.operator.cluster import enforcing
from tests.unit.operator.empty_cluster import empty_cluster, kubeconfig
from tests.victims import Command

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_the_process_tells_every_metric_before_anything_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wasm_port, push_port, probes_port, metrics_port = free_ports(4)

    def scrape() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics") as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    async with serve(empty_cluster) as server:
        kubeconfig(tmp_path / "kubeconfig", server, monkeypatch)
        settings = OperatorSettings(
            namespace="kuadrant-system",
            wasm_host="127.0.0.1",
            wasm_port=wasm_port,
            push_host="127.0.0.1",
            push_port=push_port,
            probes_port=probes_port,
            metrics_port=metrics_port,
        )
        async with Command(run(settings)), asyncio.timeout(30):
            while not (text := await asyncio.to_thread(scrape)):  # noqa: ASYNC110 - it is asked over its port
                await asyncio.sleep(0.01)
    told = sections()
    assert_told(text, [*told["The operator"], *told["The module server"]])
    assert "kuadrant_exists 0.0" in text
    (ends,) = re.findall(r"^kuadrant_push_certificate_expiry_timestamp_seconds (\S+)$", text, re.MULTILINE)
    assert abs(float(ends) - time.time() - LIFE.total_seconds()) < 86400


async def test_what_it_tells_of_policies_and_gateways_is_on_the_page() -> None:
    async with enforcing() as run:
        run.metrics.watch_leadership("some", lambda: True)
        assert_told(run.metrics.page().decode(), sections()["The operator"])
