"""The operator's replicas in the lab: who leads, as which process each runs, and what each has written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.images import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.conftest import Lab
    from tests.lab.walk import Walk

NAMESPACE = "kuadrant-system"
DEPLOYMENT = "kuadrant-operator-controller-manager"
LABELS = "app=kuadrant,control-plane=controller-manager"
LEASE = "f139389e.kuadrant.io"

# The answers to the policy: one POST a day, and as many GET as one likes.
STRICT = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits:
    post:
      rates: [{limit: LIMIT, window: 24h}]
      when: [{predicate: "request.method == 'POST'"}]
"""


def strict(limit: int) -> str:
    """A policy that lets ``limit`` POSTs a day through."""
    return STRICT.replace("LIMIT", str(limit))


@dataclass(frozen=True)
class Replica:
    """A replica's pod, its address, and its process in the lab."""

    pod: str
    address: str
    pid: int


def leader(lab: Lab) -> str:
    """The pod that holds the Lease."""
    holder = lab.run(
        "kubectl", "get", "lease", LEASE, "-n", NAMESPACE, "-o", "jsonpath={.spec.holderIdentity}"
    )
    return holder.rpartition("_")[0]


def replicas(lab: Lab) -> tuple[Replica, ...]:
    """The replicas that are ready."""
    pods = json.loads(lab.run("kubectl", "get", "pods", "-n", NAMESPACE, "-l", LABELS, "-o", "json"))["items"]
    ready = [
        pod
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"]["conditions"])
    ]
    return tuple(
        Replica(pod["metadata"]["name"], pod["status"]["podIP"], _pid(lab, pod["metadata"]["name"]))
        for pod in ready
    )


def _pid(lab: Lab, pod: str) -> int:
    """The process of a pod's container, found by its environment; the one that started first is the container's own."""
    found = lab.run(
        "bash", "-c", f"grep -lzx 'POD_NAME={pod}' /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 | sort -n"
    )
    return int(found.split()[0])


def resident_kib(lab: Lab, replica: Replica) -> int:
    """How much memory the process has."""
    return int(lab.run("awk", "/^VmRSS/ {print $2}", f"/proc/{replica.pid}/status"))


def writes(lab: Lab, replica: Replica) -> int:
    """How many objects the process has asked the API server to write or delete, the Lease and Events apart."""
    page = lab.run("curl", "--silent", "--fail", f"http://{replica.address}:8080/metrics")
    numbers = re.findall(
        r'^rest_client_requests_total\{[^}]*method="(?:PATCH|DELETE)"[^}]*\} (\S+)$', page, re.MULTILINE
    )
    return sum(int(float(number)) for number in numbers)


@dataclass
class Traffic:
    """What the client has been answered, by method; empty until it has ended."""

    answers: dict[str, dict[str, int]] = field(default_factory=dict)


@contextmanager
def traffic(walk: Walk) -> Iterator[Traffic]:
    """A client that sends GET and POST all the while."""
    seen = Traffic()
    process = subprocess.Popen(
        [ROOT / "lab" / "run", sys.executable, str(ROOT / "tests/lab/traffic.py"), walk.url],
        env={**os.environ, "LAB": walk.lab.name},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield seen
        output, _ = process.communicate(timeout=30)
        seen.answers.update(json.loads(output))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
