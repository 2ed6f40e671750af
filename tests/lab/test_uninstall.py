"""An installation goes away while clients send requests: none fails, and nothing of ours is left.

Also if it is killed at every step, and run again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from lab.images import ROOT
from tests.lab.envoy_gateway import patches
from tests.lab.traffic import traffic
from tests.lab.walk import ENVOY_GATEWAY, ISTIO, KUADRANT, POLICY, Walk, route, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.conftest import Lab

RATE = 100.0
KUADRANT_SYSTEM = ("-n", "kuadrant-system")
DOCTOR = (sys.executable, "-m", "kuadrant", "doctor")
COMMAND = (sys.executable, "-m", "kuadrant", "uninstall", "--yes")
# What comes and goes by itself.
FLEETING = {"events", "events.events.k8s.io", "leases.coordination.k8s.io", "endpoints"}


def objects(lab: Lab) -> dict[str, Any]:
    """Every object of the cluster, as far as it is not the API server's own business."""
    kinds = lab.run("kubectl", "api-resources", "--verbs=list", "-o", "name").split()
    found = {}
    for one in json.loads(
        lab.run("kubectl", "get", ",".join(sorted({*kinds} - FLEETING)), "-A", "-o", "json")
    )["items"]:
        metadata = one["metadata"]
        for name in ("resourceVersion", "managedFields", "generation", "uid", "creationTimestamp"):
            metadata.pop(name, None)
        if one["kind"] not in {"Gateway", "HTTPRoute", "GRPCRoute"}:
            one.pop("status", None)
        if "control-plane.alpha.kubernetes.io/leader" in metadata.get("annotations", {}):
            continue  # who leads of Istio, and since when
        name = f"{one['kind']} {metadata.get('namespace', '')}/{metadata['name']}"
        found[name] = json.loads(json.dumps(one), object_hook=_timeless)
    return found


def _timeless(one: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in one.items() if name not in {"lastTransitionTime", "observedGeneration"}
    }


def is_ours(name: str) -> bool:
    return "kuadrant" in name and "kuadrant-ingressgateway" not in name


@pytest.fixture
def bare(lab: Lab) -> Iterator[dict[str, Any]]:
    """The cluster with the toystore and its route, and nothing of ours; what it has then."""
    _uninstall(lab)
    lab.run("kubectl", "apply", "-f", str(ROOT / "examples/toystore/toystore.yaml"))
    Walk(lab).apply(route(ISTIO, ENVOY_GATEWAY))
    lab.run("kubectl", "rollout", "status", "deployment/toystore", "--timeout=60s")
    wait(lambda: all(walk.status() == "200" for walk in _walks(lab)))
    time.sleep(2)
    try:
        yield objects(lab)
    finally:
        _uninstall(lab)
        for walk in _walks(lab):
            walk.deliver("pull")
        lab.run("kubectl", "delete", "httproute,deployment,service", "toystore", "--ignore-not-found")
        lab.make("local-deploy")


def _walks(lab: Lab) -> list[Walk]:
    return [Walk(lab, ISTIO), Walk(lab, ENVOY_GATEWAY)]


def _uninstall(lab: Lab) -> None:
    lab.run(*COMMAND, seconds=400)


def _limiting(lab: Lab, way: str) -> list[Walk]:
    """Install, and have both gateways limit requests."""
    lab.make("local-deploy")
    walks = _walks(lab)
    walks[0].apply(KUADRANT, *KUADRANT_SYSTEM)
    for walk in walks:
        walk.deliver(way)
    walks[0].apply(POLICY)
    wait(lambda: walks[0].enforced() == "True", 120)
    for walk in walks:
        wait(lambda walk=walk: "429" in walk.statuses(6, "-X", "POST"), 60)  # type: ignore[misc]
    return walks


def _killed_at_every_step(lab: Lab) -> list[str]:
    """Run it again and again, and kill it at the beginning of each step; return the steps."""
    killed: list[str] = []
    while not _runs_through(lab, killed):
        pass
    return killed


def _runs_through(lab: Lab, killed: list[str]) -> bool:
    """Run it until it begins a step at which it was not killed yet; return whether there was none."""
    with subprocess.Popen(
        [ROOT / "lab" / "run", *COMMAND],
        env={**os.environ, "LAB": lab.name},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            step = line.removeprefix("- ").strip()
            if line.startswith("- ") and step not in killed:
                killed.append(step)
                time.sleep(0.2 * (len(killed) % 3))
                os.killpg(process.pid, signal.SIGKILL)
                return False
    assert process.returncode == 0
    return True


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("way", ["pull", "push"])
@pytest.mark.parametrize("killed", [False, True], ids=["in one go", "killed at every step"])
def test_it_goes_away_under_load_and_leaves_nothing(
    lab: Lab, bare: dict[str, Any], way: str, killed: bool
) -> None:
    with patches(lab):
        walks = _limiting(lab, way)
        assert lab.attempt(*DOCTOR).returncode == 0, lab.attempt(*DOCTOR).stdout
        with (
            traffic(walks[0], rate=RATE, connections=8) as istio,
            traffic(walks[1], rate=RATE, connections=8) as envoy_gateway,
        ):
            time.sleep(2)
            began = time.monotonic()
            if killed:
                steps = _killed_at_every_step(lab)
            else:
                steps = [
                    line for line in lab.run(*COMMAND, seconds=400).splitlines() if line.startswith("- ")
                ]
            seconds = time.monotonic() - began
            time.sleep(5)
        for walk in walks:
            walk.deliver("pull")

    told = [dict(seen.statuses()) for seen in (istio, envoy_gateway)]
    sys.stdout.write(f"{way}, {len(steps)} steps, {seconds:.0f} s: {told}\n")
    assert set(istio.statuses()) | set(envoy_gateway.statuses()) == {"200", "429"}
    # Whoever was limited is unlimited at the end, and a new pod of a gateway knows nothing of us.
    assert all(seen.runs()[-1].status == "200" for seen in (istio, envoy_gateway))
    lab.run("kubectl", "rollout", "restart", "deployment", "-n", "istio-system", "istio-ingressgateway")
    lab.run("kubectl", "rollout", "status", "deployment", "-n", "istio-system", "istio-ingressgateway")
    assert walks[0].statuses(10, "-X", "POST") == ["200"] * 10

    _uninstall(lab)  # again, which changes nothing
    now = objects(lab)
    assert [name for name in now if is_ours(name)] == []
    pods = ("Pod ", "ReplicaSet ", "EndpointSlice ", "Deployment ")
    assert {name: one for name, one in now.items() if not name.startswith(pods)} == {
        name: one for name, one in bare.items() if not name.startswith(pods)
    }


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("bare")
def test_kept_gateways_limit_on_until_it_is_told_otherwise(lab: Lab) -> None:
    with patches(lab):
        walks = _limiting(lab, "pull")
        with (
            traffic(walks[0], rate=RATE, connections=8) as istio,
            traffic(walks[1], rate=RATE, connections=8) as envoy_gateway,
        ):
            lab.run(*COMMAND, "--keep", seconds=200)
            time.sleep(15)
            kept = [seen.statuses() for seen in (istio, envoy_gateway)]
            # 5 in 10 s of each gateway's, whatever the rate.
            assert all(one["200"] <= 5 * (one.total() / RATE / 10 + 2) for one in kept), kept
            lab.run(*COMMAND, seconds=400)
            time.sleep(3)
        assert set(istio.statuses()) | set(envoy_gateway.statuses()) == {"200", "429"}
    assert [name for name in objects(lab) if is_ours(name)] == []
