"""Where attacks in the lab come from and go to, and how the attacked pods are."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from lab.images import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.lab.conftest import Lab

NAMESPACES = ("kuadrant-system", "istio-system", "envoy-gateway-system")
MEBIBYTE = 2**20


class Pod(NamedTuple):
    """A pod.

    How often its containers were started again; of ours the MiB that it may take, those it takes, and its
    descriptors.
    """

    restarts: int
    bound: int
    memory: int
    descriptors: int


def pods(lab: Lab, namespace: str, selector: str = "") -> list[dict[str, Any]]:
    """The running pods of a namespace."""
    chosen = ("-l", selector) if selector else ()
    found = json.loads(lab.run("kubectl", "get", "pods", "-n", namespace, *chosen, "-o", "json"))["items"]
    return [one for one in found if one["status"]["phase"] == "Running"]


def state(lab: Lab) -> dict[str, Pod]:
    """Every pod that is attacked, and those of the gateways."""
    result = {}
    for namespace in NAMESPACES:
        for one in pods(lab, namespace):
            name = one["metadata"]["name"]
            restarts = sum(container["restartCount"] for container in one["status"]["containerStatuses"])
            own = namespace == "kuadrant-system"
            result[name] = Pod(restarts, *(_process(lab, name) if own else (0, 0, 0)))
    return result


_HELD = (
    "import os,pathlib as p;m=next(f for f in map(p.Path,['/sys/fs/cgroup/memory.max',"
    "'/sys/fs/cgroup/memory/memory.limit_in_bytes']) if f.exists()).read_text().strip();"
    "print(m,int(p.Path('/proc/1/statm').read_text().split()[1])*os.sysconf('SC_PAGE_SIZE'),len(os.listdir('/proc/1/fd')))"
)
"""Prints what the kernel lets the container take, what its first process takes, and its descriptors."""


def _process(lab: Lab, pod: str) -> tuple[int, int, int]:
    words = ("kubectl", "exec", "-n", "kuadrant-system", pod, "--", "python3", "-c", _HELD)
    bound, memory, descriptors = map(int, lab.run(*words).split())
    return bound // MEBIBYTE, memory // MEBIBYTE, descriptors


@contextlib.contextmanager
def attacks(lab: Lab, gateway: str, seconds: float) -> Iterator[list[subprocess.Popen[str]]]:
    """Attack from the node, from a pod without business and from a gateway's pod.

    The programs have ended afterwards.
    """
    targets = {
        "operators": _addresses(lab, "kuadrant-system", "control-plane=controller-manager"),
        "services": _addresses(lab, "kuadrant-system", "control-plane=ratelimit"),
    }
    (stranger, *_) = _addresses(lab, "default", "app=toystore")
    command = (sys.executable, "-m", "tests.lab.attacks", str(seconds), json.dumps(targets))
    running = [
        _start(lab, (*within, *command))
        for within in ((), _network_of(lab, stranger), _network_of(lab, gateway))
    ]
    try:
        yield running
    finally:
        for process in running:
            process.communicate(timeout=seconds + 120)


def _start(lab: Lab, command: Sequence[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "LAB": lab.name}
    return subprocess.Popen(
        [ROOT / "lab" / "run", *command], env=environment, stdout=subprocess.PIPE, text=True
    )


def _addresses(lab: Lab, namespace: str, selector: str) -> list[str]:
    return [one["status"]["podIP"] for one in pods(lab, namespace, selector)]


def gateway_address(lab: Lab, name: str) -> str:
    """The address of a gateway's pod."""
    for namespace in NAMESPACES[1:]:
        for one in pods(lab, namespace):
            if name in one["metadata"]["name"]:
                return str(one["status"]["podIP"])
    raise AssertionError(f"no pod of {name}")


def _network_of(lab: Lab, address: str) -> tuple[str, ...]:
    """The words that run a command in a pod's network."""
    for line in lab.run("ip", "netns", "list").splitlines():
        name = line.split()[0]
        # One of a pod that ends may be gone by now.
        if f" {address}/" in lab.attempt("ip", "-n", name, "-o", "-4", "address").stdout:
            return ("ip", "netns", "exec", name)
    raise AssertionError(f"no network has {address}")
