"""The walk: what people have written into their scripts, command by command."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from tests.lab.conftest import ROOT
from tests.lab.walk import ENVOY_GATEWAY, ISTIO, POLICY, SERVICE, wait

if TYPE_CHECKING:
    from tests.lab.walk import Walk

WAYS = [(provided, delivery) for provided in (ISTIO, ENVOY_GATEWAY) for delivery in ("pull", "push")]
pytestmark = pytest.mark.parametrize(
    "walk",
    WAYS,
    ids=["istio-pull", "istio-push", "envoy-gateway-pull", "envoy-gateway-push"],
    indirect=True,
    scope="module",
)


@pytest.mark.row(78)
def test_five_of_ten_seconds_are_let_through_and_get_is_never_limited(walk: Walk) -> None:
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True")
    wait(lambda: "429" in walk.statuses(7, "-X", "POST"), 15)
    wait(lambda: walk.status("-X", "POST") == "200", 15)  # the first of a new window

    assert walk.statuses(7, "-X", "POST") == ["200"] * 4 + ["429"] * 3
    assert set(walk.statuses(10)) == {"200"}


@pytest.mark.row(76)
@pytest.mark.row(77)
def test_the_gateway_has_the_bytes_that_are_served_and_logged(walk: Walk) -> None:
    (sha256,) = walk.running()
    url = f"{SERVICE}/kuadrant-wasm-shim?sha256={sha256}"
    logs = walk.lab.run(
        "kubectl", "logs", "deployment/kuadrant-operator-controller-manager", "-n", "kuadrant-system"
    )
    served = walk.lab.run("bash", "-c", f"curl --silent --fail '{url}' | sha256sum").partition(" ")[0]

    if walk.delivery == "pull":
        assert walk.lab.run(*walk.provided.plugin, walk.provided.url) == url
    assert served == sha256
    (line,) = [line for line in logs.splitlines() if "\tkuadrant-operator\twasm-shim\t" in line]
    time_, level, logger, message, values = line.split("\t")
    assert (level, logger, message, json.loads(values)) == (
        "INFO",
        "kuadrant-operator",
        "wasm-shim",
        {"sha256": sha256},
    )
    assert time_.endswith("Z")
    module = ROOT / "src/kuadrant/wasm/modules/kuadrant-wasm-shim.wasm"
    assert hashlib.sha256(module.read_bytes()).hexdigest() == sha256


def test_what_is_deleted_comes_back(walk: Walk) -> None:
    what = (*walk.loader, "-n", walk.provided.namespace)
    before = walk.lab.run("kubectl", "get", *what, "-o", "jsonpath={.metadata.uid}")
    walk.lab.run("kubectl", "delete", *what)

    def is_back() -> bool:
        found = walk.lab.attempt("kubectl", "get", *what, "-o", "jsonpath={.metadata.uid}")
        return found.returncode == 0 and found.stdout.strip() not in ("", before)

    wait(is_back, 10)


def test_without_a_policy_nothing_of_ours_is_left_at_the_gateway(walk: Walk) -> None:
    walk.lab.run("kubectl", "delete", "ratelimitpolicy", "toystore")

    wait(lambda: walk.objects() == [], 120)
    wait(lambda: walk.statuses(7, "-X", "POST") == ["200"] * 7)
