"""The operator's replicas are replaced while clients fetch modules through its Service.

They get what they ask for, or are told to come later.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from kuadrant.wasm import embedded
from tests.lab.conftest import ROOT
from tests.lab.supplied import deployment, supplied
from tests.modules import Modules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.conftest import Lab

CLIENTS = 50
SERVICE = "kuadrant-operator-controller-manager-wasm-shim-service"


@contextmanager
def fetching(lab: Lab, *digests: str) -> Iterator[dict[str, dict[str, int]]]:
    """Clients of the Service all the while; what they were answered is there at the end."""
    address = lab.run(
        *("kubectl", "get", "service", SERVICE, "-n", "kuadrant-system"), "-o", "jsonpath={.spec.clusterIP}"
    )
    script = str(ROOT / "tests/lab/fetchers.py")
    came: dict[str, dict[str, int]] = {}
    process = subprocess.Popen(
        [ROOT / "lab" / "run", sys.executable, script, address, "8082", str(CLIENTS), *digests],
        env={**os.environ, "LAB": lab.name},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield came
        output, _ = process.communicate(timeout=60)
        came.update(json.loads(output))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_while_both_replicas_are_replaced_every_answer_is_the_right_module_or_later(
    lab: Lab, tmp_path: Path
) -> None:
    """From our own module to another one, which the old replicas lack, and back."""
    modules = Modules(tmp_path / "modules")
    old, new = embedded()[0].sha256, modules.digests[0]
    with fetching(lab, old, new) as came, supplied(lab, modules):
        deployment(lab, "rollout", "restart")
    sys.stdout.write(f"{CLIENTS} clients, three rollouts; old module {came[old]}, new module {came[new]}\n")

    assert set(came[old]) == {"module"}
    assert set(came[new]) == {"module", "later"}
