"""Packets go where the table of the unit tests says.

An engine of Kubernetes' own enforces the network policies.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lab import programs
from scripts.installation import ROOT
from tests.unit.config.peers import PODS

if TYPE_CHECKING:
    Results = dict[str, dict[str, dict[str, list[str]]]]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    programs.build(["etcd", "kube-apiserver", "kube-network-policies"])
    # All that runs in there ends with its first process, and that with us.
    command = [
        "unshare",
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        sys.executable,
    ]
    done = subprocess.run(
        [
            *(*command, "-m", "tests.integration.network.box"),
            *(str(tmp_path_factory.mktemp("box")), str(programs.path_of("kube-network-policies"))),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: Results = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("case", ["none", "default", "gateways-only"])
def test_who_reaches_what(results: Results, case: str) -> None:
    assert results[case]["found"] == results[case]["expected"]


def test_without_policies_everybody_reaches_everything(results: Results) -> None:
    """Else a connection that fails would say nothing."""
    assert {len(sources) for sources in results["none"]["found"].values()} == {len(PODS) - 1}


def test_with_them_a_pod_does_not_and_a_gateway_does(results: Results) -> None:
    """What is expected is computed; this is not."""
    asking = {case: set(results[case]["found"]["ratelimit grpc"]) for case in results}
    assert "an application" in asking["default"]
    assert "an application" not in asking["gateways-only"]
    assert "a proxy of Envoy Gateway" in asking["gateways-only"]
    assert results["default"]["found"]["outside 6379"].count("a pod of the rate limit service") == 1
    assert "a replica of the operator" not in results["default"]["found"]["outside 6379"]
