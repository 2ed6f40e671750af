"""The walk with a gateway that asks the operator.

What its pods say decides what is called enforced, and nobody notices a change.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.lab.conftest import ROOT
from tests.lab.supplied import supplied
from tests.lab.walk import ENVOY_GATEWAY, ISTIO, POLICY, wait
from tests.modules import Modules

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
SWAPS = int(os.environ.get("SWAPS", "5"))
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
    wait(lambda: walk.objects() == [], 120)


@pytest.fixture
def pushed(walk: Walk) -> Iterator[Walk]:
    """The walk's policy."""
    yield from apply(walk, POLICY)


@pytest.fixture
def counting(walk: Walk) -> Iterator[Walk]:
    """A policy that counts every request and refuses none."""
    yield from apply(walk, OPEN)


@pytest.fixture(scope="module")
def modules(walk: Walk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Modules]:
    """The operator follows a folder of modules."""
    one = Modules(tmp_path_factory.mktemp("push") / "modules")
    with supplied(walk.lab, one):
        yield one


def names(walk: Walk) -> set[str]:
    return {name.partition("/")[2] for name in walk.objects()}


def test_the_request_after_enforced_meets_the_new_limit(pushed: Walk) -> None:
    result = seen(pushed, "cycles", str(CYCLES))
    assert result["unmet"] == []
    assert result["met"] == CYCLES


def test_pods_show_the_token_that_their_mesh_gives_them(pushed: Walk) -> None:
    """Istio does; the proxies of Envoy Gateway have none."""
    objects = pushed.lab.run("kubectl", "get", pushed.provided.objects, "-A", "-o", "yaml")
    assert ("filename: /var/run/secrets/tokens/istio-token" in objects) == (pushed.provided is ISTIO)
    assert pushed.enforced() == "True"


def test_edits_under_load_are_not_noticed_and_no_request_escapes(counting: Walk) -> None:
    result = seen(counting, "load", str(RATE), str(EDITS))
    assert result["enforced"] == EDITS
    assert set(result["statuses"]) == {"200"}
    assert result["asked"] == result["statuses"]["200"]
    assert result["closed"] == 0


@pytest.mark.long
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


def test_another_certificate_is_taken_under_load_and_nobody_notices(counting: Walk) -> None:
    def authorities() -> set[str]:
        """By what the gateway knows the operator."""
        objects = counting.lab.run("kubectl", "get", counting.provided.objects, "-A", "-o", "yaml")
        return set(re.findall(r"inline_string: \|\n(.*?END CERTIFICATE)", objects, re.DOTALL))

    former = authorities()
    assert len(former) == 1
    with Load(counting) as load:
        counting.lab.run("kubectl", "delete", "secret", "--namespace=kuadrant-system", "kuadrant-push-server")
        wait(lambda: authorities().isdisjoint(former) and counting.enforced() == "True")
    assert set(load.seen["statuses"]) == {"200"}
    assert load.seen["asked"] == load.seen["statuses"]["200"]


def test_modules_are_swapped_under_load_and_nobody_notices(modules: Modules, counting: Walk) -> None:
    modules.choose(modules.data[0])
    wait(lambda: counting.running() == {modules.digests[0]})
    with Load(counting) as load:
        for number in range(1, SWAPS + 1):
            modules.choose(modules.data[number % 2])
            wait(lambda number=number: counting.running() == {modules.digests[number % 2]})  # type: ignore[misc]
    assert set(load.seen["statuses"]) == {"200"}
    assert load.seen["asked"] == load.seen["statuses"]["200"]
    assert load.seen["closed"] == 0


@pytest.mark.parametrize(
    ("version", "dialect", "words"),
    [
        pytest.param("no-module", "kuadrant-v1", "Unable to create Wasm plugin", id="no module"),
        pytest.param(
            "other-words",
            "action-sets",
            "Unable to create Wasm plugin",
            id="a configuration that it refuses",
        ),
    ],
)
def test_what_a_pod_refuses_changes_nothing_and_is_told_with_its_words(
    modules: Modules, pushed: Walk, version: str, dialect: str, words: str
) -> None:
    modules.choose(modules.data[0])
    wait(lambda: pushed.running() == {modules.digests[0]})
    wait(lambda: limits(pushed), 15)
    data = b"\0asm but no module" if version == "no-module" else modules.data[1] + b"\0\2\1x"
    modules.add(version, data, dialect)
    modules.choose(data)
    wait(lambda: refusals(pushed) != [], 30)
    (line,) = refusals(pushed)
    sys.stdout.write(f"shown {time.time() - line['refused_at']:.2f} s after it was refused\n")
    assert line["pod"]
    assert words in line["refusal"]
    assert line["running"]["sha256"] == modules.digests[0]
    assert limits(pushed)
    wait(lambda: words in pushed.enforced("message"))
    assert pushed.enforced() == "False"
    modules.choose(modules.data[0])
    wait(lambda: pushed.enforced() == "True")


def refusals(walk: Walk) -> list[dict[str, Any]]:
    """The pods that refuse what they are to run, as a person is shown."""
    return [pod for pod in walk.report()["pods"] if pod["refuses"]]


def limits(walk: Walk) -> bool:
    return walk.statuses(6, "-X", "POST")[-1] == "429"
