"""Faults of the module server, by leading its Service to a server that does wrong, or to nobody."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from lab.images import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.conftest import Lab
    from tests.lab.walk import Walk

_NAMESPACE = "kuadrant-system"
_SERVICE = "kuadrant-operator-controller-manager-wasm-shim-service"
POD = """
apiVersion: v1
kind: Pod
metadata: {name: fault-server, namespace: kuadrant-system, labels: {app: fault-server}}
spec:
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: server
    image: docker.io/library/toystore:latest
    imagePullPolicy: Never
    command: [python3, /scripts/fault_server.py]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: scripts, mountPath: /scripts}]
    readinessProbe: {tcpSocket: {port: 9006}, periodSeconds: 1}
  volumes:
  - name: scripts
    configMap: {name: fault-server}
"""
DOWN: Final = "is down"
_PORTS = {
    "answers 503": 9000,
    "answers 404": 9001,
    "gives other bytes": 9002,
    "hangs": 9003,
    "answers 500": 9004,
    "is cut short": 9005,
    "is slow": 9006,
}
FAULTS: Final = (DOWN, *_PORTS)


@contextmanager
def fault_server(lab: Lab) -> Iterator[None]:
    """The server that does wrong runs."""
    script = f"--from-file={ROOT / 'tests/lab/fault_server.py'}"
    lab.run("kubectl", "create", "configmap", "fault-server", "-n", _NAMESPACE, script)
    try:
        lab.run("bash", "-c", f"kubectl apply -f - <<'EOF'\n{POD}\nEOF")
        lab.run("kubectl", "wait", "--for=condition=Ready", "pod/fault-server", "-n", _NAMESPACE)
        yield
    finally:
        server = ("pod/fault-server", "configmap/fault-server")
        lab.run("kubectl", "delete", *server, "-n", _NAMESPACE, "--now", "--ignore-not-found")


class Faults:
    """The module server as everybody else sees it."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.lab = walk.lab

    def begin(self, fault: str) -> None:
        """Lead the module server's Service to the server that does wrong, or to nobody."""
        selector = {"app": "nobody"} if fault == DOWN else {"app": "fault-server"}
        self._lead(selector, _PORTS.get(fault, 8082))

    def end(self) -> None:
        """Lead it to the operator again."""
        self._lead({"app": "kuadrant", "control-plane": "controller-manager"}, "wasm-shim")

    def _lead(self, selector: dict[str, str], target: int | str) -> None:
        change = [
            {"op": "replace", "path": "/spec/selector", "value": selector},
            {"op": "replace", "path": "/spec/ports/0/targetPort", "value": target},
        ]
        self.lab.run(
            *("kubectl", "patch", "service", _SERVICE, "-n", _NAMESPACE),
            *("--type=json", "--patch", json.dumps(change)),
        )
