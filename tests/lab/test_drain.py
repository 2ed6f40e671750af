"""A node is drained of every pod of ours while clients of the gateway go on: nothing fails, all is limited.

The lab has one node, which is open again before the second pod of each has to go: as if there were another.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.lab.conftest import ROOT
from tests.lab.policies import limited_by
from tests.lab.traffic import traffic
from tests.lab.walk import ENVOY_GATEWAY, IN_EVERY_WAY, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.conftest import Lab
    from tests.lab.walk import Walk

IN = ("-n", "kuadrant-system")
OURS = "app=kuadrant"
SERVICE = ("deployment/kuadrant-ratelimit", *IN)
OPERATOR = ("deployment/kuadrant-operator-controller-manager", *IN)
POLICY = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits:
    shut: {rates: [{limit: 0, window: 24h}], when: [{predicate: "request.method == 'POST'"}]}
    open: {rates: [{limit: 1000000, window: 24h}], when: [{predicate: "request.method == 'GET'"}]}
"""


@contextmanager
def two_services(lab: Lab) -> Iterator[None]:
    """The rate limit service has two pods, as with a store."""
    lab.run("kubectl", "scale", *SERVICE, "--replicas=2")
    try:
        lab.run("kubectl", "rollout", "status", *SERVICE, "--timeout=60s")
        yield
    finally:
        lab.run("kubectl", "scale", *SERVICE, "--replicas=1")
        lab.run("kubectl", "rollout", "status", *SERVICE, "--timeout=60s")


def pods(lab: Lab, *options: str) -> set[str]:
    return set(lab.run("kubectl", "get", "pods", *IN, "-l", OURS, "-o", "name", *options).split())


def drain(lab: Lab) -> None:
    """Drain the node of our pods; new ones start there as soon as it is known that they have to wait."""
    node = lab.run("kubectl", "get", "nodes", "-o", "name")
    draining = subprocess.Popen(
        [ROOT / "lab" / "run", "kubectl", "drain", node, f"--pod-selector={OURS}", "--timeout=120s"],
        env={**os.environ, "LAB": lab.name},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait(lambda: len(pods(lab, "--field-selector=status.phase=Pending")) == 2)
        lab.run("kubectl", "uncordon", node)
        said, _ = draining.communicate(timeout=150)
        assert draining.returncode == 0, said
    finally:
        if draining.poll() is None:
            draining.kill()
            draining.wait()
        lab.run("kubectl", "uncordon", node)
    for deployment in (OPERATOR, SERVICE):
        lab.run("kubectl", "rollout", "status", *deployment, "--timeout=60s")


@pytest.mark.long
@IN_EVERY_WAY
def test_while_a_node_is_drained_nothing_fails_and_nothing_is_unlimited(walk: Walk) -> None:
    limited_by(walk, POLICY)
    with two_services(walk.lab):
        before = pods(walk.lab)
        with traffic(walk, "GET", "POST", rate=200, connections=8) as seen:
            wait(lambda: seen.statuses("GET").total() > 50)
            drain(walk.lab)
        assert not before & pods(walk.lab)
    sys.stdout.write(f"{seen.statuses('GET')}, {seen.statuses('POST')}\n")
    assert set(seen.statuses("POST")) == {"429"}
    failed = seen.statuses("GET") - Counter({"200": seen.statuses("GET")["200"]})
    if walk.provided is ENVOY_GATEWAY and walk.delivery == "pull":
        # By default it asks by the service's address, and stays with a pod until that closes.
        assert set(failed) <= {"500"}
        assert failed.total() <= seen.statuses("GET").total() / 50
    else:
        assert not failed
