"""`make run`: the operator as a process outside of any pod, and gateways that get the module from it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.box import ADDRESS
from tests.lab.conftest import ROOT
from tests.lab.walk import POLICY, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.conftest import Lab
    from tests.lab.walk import Walk

SERVICE = "kuadrant-operator-controller-manager-wasm-shim-service"
IN_NAMESPACE = "--namespace=kuadrant-system"
SLICES = (
    *("kubectl", "get", "endpointslices", IN_NAMESPACE, f"--selector=kubernetes.io/service-name={SERVICE}"),
    "--output=jsonpath={.items[*].endpoints[*].addresses[*]}",
)
REPLICAS = (
    *("kubectl", "get", "deployment/kuadrant-operator-controller-manager", IN_NAMESPACE),
    "--output=jsonpath={.spec.replicas}/{.status.readyReplicas}",
)


@pytest.fixture
def process(walk: Walk, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The operator on the node, which is no pod: what a laptop is to a cluster."""
    words = walk.lab.box.command(sys.executable, str(ROOT / "scripts/run_operator.py"))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ}
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            _end(process)
        print((tmp_path / "log").read_text()[-5000:])  # noqa: T201 - pytest shows it of a test that failed


def _end(process: subprocess.Popen[bytes]) -> int:
    """End it; what leads into the box has one child, which is the program, and passes no signal on."""
    (program,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(program), signal.SIGTERM)
    return process.wait(60)


def test_the_gateways_are_limited_by_it_and_the_operator_of_the_cluster_comes_back(
    walk: Walk, lab: Lab, process: subprocess.Popen[bytes]
) -> None:
    before = lab.run(*REPLICAS)
    wait(lambda: lab.run(*SLICES) == ADDRESS)  # and no pod any more
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True", 120)
    wait(lambda: "429" in walk.statuses(7, "-X", "POST"))
    fetched = f"http://{SERVICE}.kuadrant-system.svc.cluster.local:8082/kuadrant-wasm-shim"
    assert (
        lab.run("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", fetched) == "200"
    )

    assert _end(process) == 0

    wait(lambda: ADDRESS not in lab.run(*SLICES).split())
    wait(lambda: lab.run(*REPLICAS) == before.partition("/")[0] + "/" + before.partition("/")[0], 120)
