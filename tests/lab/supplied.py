"""An operator in the lab that gets its modules from a folder of the test.

Also what can be seen of them from outside.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from tests.lab.replicas import DEPLOYMENT, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prometheus_client.samples import Sample

    from tests.lab.conftest import Lab
    from tests.lab.walk import Walk
    from tests.modules import Modules

_PLACE = "/modules"
_CALLS = ("authorized_calls", "limited_calls")


def _change(folder: Path | None, trusted: str = "") -> str:
    """The patch of the Deployment that gives its pods ``folder`` of this machine.

    Or takes away what it has given. ``trusted`` is where in it the keys of signers are.
    """
    delete = {} if folder else {"$patch": "delete"}
    container = {
        "name": "manager",
        "env": [
            {"name": "WASM_SHIM_MODULES", "value": _PLACE, **delete},
            *(
                [{"name": "WASM_SHIM_TRUSTED_KEYS", "value": f"{_PLACE}/{trusted}", **delete}]
                if trusted
                else ()
            ),
        ],
        "volumeMounts": [{"name": "modules", "mountPath": _PLACE, "readOnly": True, **delete}],
    }
    volume = {"name": "modules", "hostPath": {"path": str(folder), "type": "Directory"}, **delete}
    return json.dumps({"spec": {"template": {"spec": {"containers": [container], "volumes": [volume]}}}})


def deployment(lab: Lab, *words: str, seconds: float = 180) -> None:
    """Do something to the operator's Deployment and wait until it has come to all replicas."""
    target = (f"deployment/{DEPLOYMENT}", "-n", NAMESPACE)
    lab.run("kubectl", *words, *target)
    lab.run("kubectl", "rollout", "status", *target, f"--timeout={seconds:.0f}s", seconds=seconds + 10)


@contextmanager
def supplied(lab: Lab, modules: Modules, trusted: str = "") -> Iterator[None]:
    """The operator's replicas follow the folder of ``modules``; afterwards they are as before."""
    try:
        # A folder of this machine is what the standard of the namespace does not let pods have.
        _hold_to(lab, "privileged")
        deployment(lab, "patch", f"--patch={_change(modules.folder, trusted)}")
        yield
    finally:
        deployment(lab, "patch", f"--patch={_change(None, trusted)}")
        _hold_to(lab, "restricted")


def _hold_to(lab: Lab, standard: str) -> None:
    """Let pods of the operator's namespace do what a Pod Security Standard lets them do."""
    label = f"pod-security.kubernetes.io/enforce={standard}"
    lab.run("kubectl", "label", "--overwrite", "namespace", NAMESPACE, label)


def digest(walk: Walk) -> str:
    """The module that the gateway's object names; empty as long as there is none."""
    found = walk.lab.attempt(*walk.provided.plugin, walk.provided.sha256)
    return found.stdout.strip() if found.returncode == 0 else ""


def running(walk: Walk) -> str:
    """The module that the gateway's Envoy runs; empty if it runs none."""
    pod = (f"deployment/{walk.provided.gateway}", "-n", walk.provided.namespace)
    ask = ("pilot-agent", "request", "GET", "config_dump?resource=ecds_filters")
    found = re.search(r"/([0-9a-f]{64})\.wasm", walk.lab.run("kubectl", "exec", *pod, "--", *ask))
    return found[1] if found else ""


def calls(lab: Lab) -> int:
    """How many requests the rate limit service has counted, let through or not."""
    return round(sum(one.value for one in samples(lab) if one.name in _CALLS))


def samples(lab: Lab) -> list[Sample]:
    """The metrics of the rate limit service."""
    ready = "jsonpath={.items[?(@.status.phase=='Running')].status.podIP}"
    pods = ("kubectl", "get", "pods", "-n", NAMESPACE, "-l", "app=kuadrant,control-plane=ratelimit")
    (address,) = lab.run(*pods, "-o", ready).split()
    page = lab.run("curl", "--silent", "--fail", f"http://{address}:8080/metrics")
    return [one for family in text_string_to_metric_families(page) for one in family.samples]
