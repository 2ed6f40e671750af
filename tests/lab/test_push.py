"""The walk with a gateway that asks the operator: what its pods say decides what is called enforced, and nobody notices a change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.lab.conftest import ROOT
from tests.lab.walk import ENVOY_GATEWAY, ISTIO, POLICY, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.walk import Walk

pytestmark = pytest.mark.parametrize(
    "walk",
    [(ISTIO, "push"), (ENVOY_GATEWAY, "push")],
    ids=["istio", "envoy-gateway"],
    indirect=True,
    scope="module",
)

CYCLES = int(os.environ.get("CYCLES", "50"))
EDITS, RATE = int(os.environ.get("EDITS", "100")), 200
SCRIPT = str(ROOT / "tests/lab/pushed.py")
# No request is refused, and every one is asked for.
OPEN = POLICY.replace("limit: 5", "limit: 1000000000")


def host(walk: Walk) -> str:
    return walk.url.removeprefix("http://").partition(":")[0]


def seen(walk: Walk, *what: str) -> dict[str, Any]:
    """What the script saw in the lab."""
    output = walk.lab.run(sys.executable, SCRIPT, host(walk), *what, seconds=1200)
    sys.stdout.write(f"{output}\n")
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


class Load:
    """Requests at a steady rate for as long as the block lasts; ``seen`` afterwards is what they met."""

    def __init__(self, walk: Walk) -> None:
        self._command = walk.lab.box.command(sys.executable, SCRIPT, host(walk), "load", str(RATE))
        self.seen: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "begun\n"
        return self

    def __exit__(self, *_exception: object) -> None:
        output = self._process.communicate(timeout=60)[0]
        sys.stdout.write(output)
        self.seen = json.loads(output.splitlines()[-1])


def apply(walk: Walk, policy: str) -> Iterator[Walk]:
    walk.apply(policy)
    wait(lambda: walk.enforced() == "True")
    yield walk
    walk.lab.run("kubectl", "delete", "ratelimitpolicy", "toystore")
    wait(lambda: walk.objects() == [])


@pytest.fixture
def pushed(walk: Walk) -> Iterator[Walk]:
    """The walk's policy."""
    yield from apply(walk, POLICY)


@pytest.fixture
def counting(walk: Walk) -> Iterator[Walk]:
    """A policy that counts every request and refuses none."""
    yield from apply(walk, OPEN)


def names(walk: Walk) -> set[str]:
    return {name.partition("/")[2] for name in walk.objects()}


def test_the_request_after_enforced_meets_the_new_limit(pushed: Walk) -> None:
    result = seen(pushed, "cycles", str(CYCLES))
    assert result["unmet"] == []
    assert result["met"] == CYCLES


def test_edits_under_load_are_not_noticed_and_no_request_escapes(counting: Walk) -> None:
    result = seen(counting, "load", str(RATE), str(EDITS))
    assert result["enforced"] == EDITS
    assert set(result["statuses"]) == {"200"}
    assert result["asked"] == result["statuses"]["200"]
    assert result["closed"] == 0


def test_to_pull_and_back_every_request_is_asked_for_once(counting: Walk) -> None:
    gateway, cluster = counting.provided.gateway, counting.provided.cluster
    with Load(counting) as load:
        counting.deliver("pull")
        wait(lambda: names(counting) == {f"kuadrant-{gateway}", cluster} and counting.enforced() == "True")
        counting.deliver("push")
        wait(
            lambda: (
                names(counting) == {f"kuadrant-push-{gateway}", cluster} and counting.enforced() == "True"
            ),
            120,
        )
    assert set(load.seen["statuses"]) == {"200"}
    assert load.seen["asked"] == load.seen["statuses"]["200"]
