"""The walk with a gateway that asks the operator: what its pods say decides what is called enforced, and nobody notices a change."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.conftest import ROOT
from tests.lab.walk import ISTIO, POLICY, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.walk import Walk

CYCLES = int(os.environ.get("CYCLES", "50"))
EDITS, RATE = int(os.environ.get("EDITS", "100")), 200
GATEWAY = ("gtw", ISTIO.gateway, "-n", ISTIO.namespace)


def deliver(walk: Walk, way: str) -> None:
    annotation = f"kuadrant.io/wasm-delivery{'-' if way == 'pull' else f'={way}'}"
    walk.lab.run("kubectl", "annotate", "--overwrite", *GATEWAY, annotation)


def objects(walk: Walk) -> list[str]:
    return walk.lab.run("kubectl", "get", ISTIO.objects, "-A", "-o", "name").split()


def names(walk: Walk) -> set[str]:
    return {name.partition("/")[2] for name in objects(walk)}


def seen(walk: Walk, *what: str) -> dict[str, Any]:
    """What the script saw in the lab."""
    output = walk.lab.run(sys.executable, str(ROOT / "tests/lab/pushed.py"), *what, seconds=1200)
    sys.stdout.write(f"{output}\n")
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


@pytest.fixture
def pushed(walk: Walk) -> Iterator[Walk]:
    """The walk's policy, on a gateway that asks for it."""
    deliver(walk, "push")
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True")
    yield walk
    deliver(walk, "pull")
    walk.lab.run("kubectl", "delete", "ratelimitpolicy", "toystore")
    wait(lambda: objects(walk) == [])


def test_the_gateway_asks_and_its_pods_are_shown(pushed: Walk) -> None:
    wait(lambda: pushed.statuses(6, "-X", "POST")[-1] == "429", 15)
    assert set(pushed.statuses(10)) == {"200"}
    assert names(pushed) == {
        f"kuadrant-push-{ISTIO.gateway}",
        f"kuadrant-ratelimiting-cluster-{ISTIO.gateway}",
    }
    command = (sys.executable, "-m", "kuadrant", "status", "gateway", ISTIO.gateway, "--output", "json")
    report = json.loads(pushed.lab.run(*command))
    (gateway,) = report["gateways"]
    (pod,) = gateway["pods"]
    assert (gateway["delivery"], pod["ready"], pod["evidence"]) == ("push", True, "acknowledged")
    assert pod["running"] == pod["wanted"]


def test_the_request_after_enforced_meets_the_new_limit(pushed: Walk) -> None:
    result = seen(pushed, "cycles", str(CYCLES))
    assert result["unmet"] == []
    assert result["met"] == CYCLES


def test_edits_under_load_are_not_noticed_and_no_request_escapes(pushed: Walk) -> None:
    result = seen(pushed, "load", str(EDITS), str(RATE))
    assert result["enforced"] == EDITS
    assert set(result["statuses"]) == {"200"}
    assert result["asked"] == result["statuses"]["200"]
    assert result["closed"] == 0


def test_to_pull_and_back(pushed: Walk) -> None:
    deliver(pushed, "pull")
    wait(
        lambda: (
            names(pushed) == {f"kuadrant-{ISTIO.gateway}", f"kuadrant-ratelimiting-cluster-{ISTIO.gateway}"}
        )
    )
    wait(lambda: pushed.statuses(6, "-X", "POST")[-1] == "429", 15)

    deliver(pushed, "push")
    wait(lambda: not any(name.startswith("wasmplugin") for name in objects(pushed)))
    assert pushed.enforced() == "True"
    wait(lambda: pushed.statuses(6, "-X", "POST")[-1] == "429", 15)
