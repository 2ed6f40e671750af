"""The operator's replicas in the lab: who leads, as which process each runs, and what each has written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.conftest import Lab

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
    """The process of a pod's container, found by its environment.

    The one that started first is the container's own.
    """
    found = lab.run(
        "bash", "-c", f"grep -lzx 'POD_NAME={pod}' /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 | sort -n"
    )
    return int(found.split()[0])


def resident_kib(lab: Lab, replica: Replica) -> int:
    """How much memory the process has."""
    return int(lab.run("awk", "/^VmRSS/ {print $2}", f"/proc/{replica.pid}/status"))


def writes(lab: Lab, replica: Replica) -> int:
    """How many objects the process has asked the API server to write or delete.

    The Lease and Events do not count.
    """
    page = lab.run("curl", "--silent", "--fail", f"http://{replica.address}:8080/metrics")
    numbers = re.findall(
        r'^rest_client_requests_total\{[^}]*method="(?:PATCH|DELETE)"[^}]*\} (\S+)$', page, re.MULTILINE
    )
    return sum(int(float(number)) for number in numbers)
