"""Envoy Gateway fails in its own ways where modules are concerned.

What of it the operator heals, and what it says meanwhile.

Envoy Gateway fetches a module when it starts and when the address changes. Each fault here is met by a start,
since the operator writes no address that does not serve.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from lab.progress import say
from tests.lab.faults import DOWN, Faults, fault_server
from tests.lab.traffic import traffic
from tests.lab.walk import ENVOY_GATEWAY, STRICT, Walk, wait, walking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.conftest import Lab
    from tests.lab.traffic import Run

NAMESPACE = "kuadrant-system"
OPERATOR = "deployment/kuadrant-operator-controller-manager"
HEALED_SECONDS = 30.0


class EnvoyGateway(Faults):
    """The module server as Envoy Gateway sees it, and what Envoy Gateway says."""

    def restart_envoy_gateway(self) -> None:
        """It forgets its modules, and fetches what its policies name."""
        place = ("-n", "envoy-gateway-system")
        self.lab.run("kubectl", "rollout", "restart", "deployment/envoy-gateway", *place)
        self.lab.run("kubectl", "rollout", "status", "deployment/envoy-gateway", *place, "--timeout=60s")

    def report(self) -> str:
        """What Envoy Gateway says of the policy."""
        path = "jsonpath={.status.ancestors[*].conditions[?(@.type=='Accepted')].message}"
        return self.lab.run(*self.walk.provided.plugin, path)


@pytest.fixture(scope="module")
def walk(lab: Lab) -> Iterator[Walk]:
    """The toystore behind the gateway, with its one request already let through; and a server for faults."""
    with walking(lab, ENVOY_GATEWAY) as one, fault_server(lab):
        one.apply(STRICT)
        wait(lambda: one.enforced() == "True")
        wait(lambda: one.status("-X", "POST") == "429")
        yield one


@pytest.fixture
def faults(walk: Walk) -> Iterator[EnvoyGateway]:
    """Faults that are over, and healed, after each test."""
    one = EnvoyGateway(walk)
    try:
        yield one
    finally:
        one.end()
        wait(lambda: walk.enforced() == "True" and walk.status("-X", "POST") == "429", 120)


@contextlib.contextmanager
def measured(walk: Walk, name: str) -> Iterator[list[Run]]:
    """Requests meanwhile; prints what they met."""
    runs: list[Run] = []
    with traffic(walk) as seen:
        yield runs
    runs.extend(seen.runs())
    started = runs[0].first
    met = ", ".join(f"{run.status} from {run.first - started:.2f} s ({run.count})" for run in runs)
    say(f"{name}: {met}")


def healed(walk: Walk, name: str, runs: list[Run], ended: float) -> None:
    """Print what the healing took, and see that it did not take too long."""
    limited = next(run.first for run in runs if run.status == "429" and run.last == runs[-1].last)
    refused = sum(run.count for run in runs if run.status == "500")
    unlimited = [run for run in runs if run.status == "200"]
    seconds = sum(run.last - run.first for run in unlimited)
    count = sum(run.count for run in unlimited)
    say(
        f"{name}: limited again {limited - ended:.1f} s after the fault's end; {refused} requests were "
        "answered with 500; "
        f"{count} in {seconds:.2f} s were not limited"
    )
    assert runs[-1].status == "429"
    assert limited - ended < HEALED_SECONDS
    wait(lambda: walk.enforced() == "True", 10)


def told(faults: EnvoyGateway) -> Callable[[], bool]:
    """Whether the policy says that it is not enforced, in Envoy Gateway's words."""

    def is_told() -> bool:
        message = faults.walk.enforced("message")
        return faults.walk.enforced() == "False" and "Wasm" in message

    return is_told


@pytest.mark.parametrize(
    "fault",
    [DOWN, "answers 503", "answers 404", "gives other bytes", pytest.param("hangs", marks=pytest.mark.long)],
)
def test_a_gateway_is_limited_again_soon_after_the_module_server_works(
    walk: Walk, faults: EnvoyGateway, fault: str
) -> None:
    with measured(walk, fault) as runs:
        faults.begin(fault)
        faults.restart_envoy_gateway()
        wait(lambda: walk.status("-X", "POST") == "500", 200)
        wait(told(faults), 15)
        faults.end()
        ended = time.time()
        wait(lambda: walk.status("-X", "POST") == "429", 60)
        wait(lambda: walk.enforced() == "True", 60)
    healed(walk, fault, runs, ended)


def test_an_address_that_envoy_gateway_has_given_up_is_left_behind(walk: Walk, faults: EnvoyGateway) -> None:
    """After eleven failures it refuses an address for an hour, also when that serves again."""
    with measured(walk, "count of 11") as runs:
        faults.begin("answers 404")
        faults.restart_envoy_gateway()
        wait(lambda: walk.status("-X", "POST") == "500", 60)
        deadline = time.monotonic() + 120
        touched = 0
        while "after 10 attempts" not in faults.report():
            assert time.monotonic() < deadline, faults.report()
            touched += 1
            walk.lab.run("kubectl", "annotate", "httproute", "toystore", f"touched={touched}", "--overwrite")
            time.sleep(0.5)
        wait(told(faults), 15)
        faults.end()
        ended = time.time()
        wait(lambda: walk.status("-X", "POST") == "429", 60)
        wait(lambda: walk.enforced() == "True", 60)
    healed(walk, "count of 11", runs, ended)


def test_envoy_gateway_restarted_while_the_operator_is_away(walk: Walk, faults: EnvoyGateway) -> None:
    with measured(walk, "restart while the operator is away") as runs:
        walk.lab.run("kubectl", "scale", OPERATOR, "-n", NAMESPACE, "--replicas=0")
        walk.lab.run(
            *("kubectl", "wait", "--for=delete", "pod", "-n", NAMESPACE, "--timeout=60s"),
            "--selector=control-plane=controller-manager",
        )
        faults.restart_envoy_gateway()
        wait(lambda: walk.status("-X", "POST") == "500", 60)
        walk.lab.run("kubectl", "scale", OPERATOR, "-n", NAMESPACE, "--replicas=2")
        walk.lab.run("kubectl", "rollout", "status", OPERATOR, "-n", NAMESPACE, "--timeout=60s")
        returned = time.time()
        wait(lambda: walk.status("-X", "POST") == "429", 60)
        wait(lambda: walk.enforced() == "True", 60)
    healed(walk, "restart while the operator is away", runs, returned)


def test_envoy_gateway_restarted_while_all_is_well(walk: Walk, faults: EnvoyGateway) -> None:
    """Nothing happens: it fetches the module anew, and no request meets anything else than its limit."""
    with measured(walk, "restart") as runs:
        faults.restart_envoy_gateway()
        wait(lambda: walk.enforced() == "True", 30)
    assert {run.status for run in runs} == {"429"}
