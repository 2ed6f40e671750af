"""Envoy Gateway fails in its own ways where modules are concerned: what of it the operator heals, and what it says meanwhile.

Envoy Gateway fetches a module when it starts and when the address changes. Each fault here is met by a start, since the operator
writes no address that does not serve.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from lab.progress import say
from tests.lab.conftest import ROOT, Lab
from tests.lab.walk import ENVOY_GATEWAY, STRICT, Walk, wait, walking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMESPACE = "kuadrant-system"
OPERATOR = "deployment/kuadrant-operator-controller-manager"
SERVICE = "kuadrant-operator-controller-manager-wasm-shim-service"
HEALED_SECONDS = 30.0

FAULT_SERVER = """
apiVersion: v1
kind: Pod
metadata: {name: fault-server, namespace: kuadrant-system, labels: {app: fault-server}}
spec:
  containers:
  - name: server
    image: docker.io/library/toystore:latest
    imagePullPolicy: Never
    command: [python3, /scripts/fault_server.py]
    volumeMounts: [{name: scripts, mountPath: /scripts}]
    readinessProbe: {tcpSocket: {port: 9003}, periodSeconds: 1}
  volumes:
  - name: scripts
    configMap: {name: fault-server}
"""
PORTS = {"answers 503": 9000, "answers 404": 9001, "gives other bytes": 9002, "hangs": 9003}
DOWN = "is down"


@dataclass(frozen=True)
class Run:
    """So many answers of one status in a row; a status of 0 is a connection that ended."""

    status: int
    first: float
    last: float
    count: int


class Load:
    """Requests through the gateway, told when they are over."""

    def __init__(self, walk: Walk) -> None:
        address, _, path = walk.url.removeprefix("http://").partition("/")
        script = str(ROOT / "tests/lab/load.py")
        self._process = subprocess.Popen(
            walk.lab.box.command("python3", script, address, "api.toystore.com", f"/{path}"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def end(self) -> list[Run]:
        said, _ = self._process.communicate(timeout=60)
        return [
            Run(int(status), float(first), float(last), int(count))
            for status, first, last, count in map(str.split, said.splitlines())
        ]


class Faults:
    """The module server as Envoy Gateway sees it."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.lab = walk.lab

    def begin(self, fault: str) -> None:
        """Lead the module server's Service to one that does wrong, or to nobody."""
        selector = {"app": "nobody"} if fault == DOWN else {"app": "fault-server"}
        self._lead(selector, PORTS.get(fault, 8082))

    def end(self) -> None:
        """Lead it to the operator again."""
        self._lead({"app": "kuadrant", "control-plane": "controller-manager"}, "wasm-shim")

    def _lead(self, selector: dict[str, str], target: int | str) -> None:
        change = [
            {"op": "replace", "path": "/spec/selector", "value": selector},
            {"op": "replace", "path": "/spec/ports/0/targetPort", "value": target},
        ]
        self.lab.run(
            *("kubectl", "patch", "service", SERVICE, "-n", NAMESPACE),
            *("--type=json", "--patch", json.dumps(change)),
        )

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
    with walking(lab, ENVOY_GATEWAY) as one:
        script = f"--from-file={ROOT / 'tests/lab/fault_server.py'}"
        lab.run("kubectl", "create", "configmap", "fault-server", "-n", NAMESPACE, script)
        try:
            one.apply(FAULT_SERVER)
            lab.run("kubectl", "wait", "--for=condition=Ready", "pod/fault-server", "-n", NAMESPACE)
            one.apply(STRICT)
            wait(lambda: one.enforced() == "True")
            wait(lambda: one.status("-X", "POST") == "429")
            yield one
        finally:
            server = ("pod/fault-server", "configmap/fault-server")
            lab.run("kubectl", "delete", *server, "-n", NAMESPACE, "--now", "--ignore-not-found")


@pytest.fixture
def faults(walk: Walk) -> Iterator[Faults]:
    """Faults that are over, and healed, after each test."""
    one = Faults(walk)
    try:
        yield one
    finally:
        one.end()
        wait(lambda: walk.enforced() == "True" and walk.status("-X", "POST") == "429", 120)


@contextlib.contextmanager
def measured(walk: Walk, name: str) -> Iterator[list[Run]]:
    """Requests meanwhile; prints what they met."""
    runs: list[Run] = []
    load = Load(walk)
    try:
        yield runs
    finally:
        runs.extend(load.end())
        started = runs[0].first
        met = ", ".join(f"{run.status} from {run.first - started:.2f} s ({run.count})" for run in runs)
        say(f"{name}: {met}")


def healed(walk: Walk, name: str, runs: list[Run], ended: float) -> None:
    """Print what the healing took, and see that it did not take too long."""
    limited = next(run.first for run in runs if run.status == 429 and run.last == runs[-1].last)
    refused = sum(run.count for run in runs if run.status == 500)
    unlimited = [run for run in runs if run.status == 200]
    seconds = sum(run.last - run.first for run in unlimited)
    count = sum(run.count for run in unlimited)
    say(
        f"{name}: limited again {limited - ended:.1f} s after the fault's end; {refused} requests were answered with 500; "
        f"{count} in {seconds:.2f} s were not limited"
    )
    assert runs[-1].status == 429
    assert limited - ended < HEALED_SECONDS
    wait(lambda: walk.enforced() == "True", 10)


def told(faults: Faults) -> Callable[[], bool]:
    """Whether the policy says that it is not enforced, in Envoy Gateway's words."""

    def is_told() -> bool:
        message = faults.walk.enforced("message")
        return faults.walk.enforced() == "False" and "Wasm" in message

    return is_told


@pytest.mark.parametrize("fault", [DOWN, *PORTS])
def test_a_gateway_is_limited_again_soon_after_the_module_server_works(
    walk: Walk, faults: Faults, fault: str
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


def test_an_address_that_envoy_gateway_has_given_up_is_left_behind(walk: Walk, faults: Faults) -> None:
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


def test_envoy_gateway_restarted_while_the_operator_is_away(walk: Walk, faults: Faults) -> None:
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


def test_envoy_gateway_restarted_while_all_is_well(walk: Walk, faults: Faults) -> None:
    """Nothing happens: it fetches the module anew, and no request meets anything else than its limit."""
    with measured(walk, "restart") as runs:
        faults.restart_envoy_gateway()
        wait(lambda: walk.enforced() == "True", 30)
    assert {run.status for run in runs} == {429}
