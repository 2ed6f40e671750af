"""Run the operator of this checkout as a process of this machine (`make run`).

It works for the cluster of the current kubeconfig.

The gateways of the cluster get the module from here: the Services of the operator get the address of this
machine as an endpoint, as long as it runs. An operator that runs in the cluster makes way, and comes back in
the end.

ADDRESS is the address of this machine that pods can reach; without it, the one by which it reaches the API
server.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CONFIG = Path(__file__).parents[1] / "config"
NAMESPACE = "kuadrant-system"
OPERATOR = "kuadrant-operator-controller-manager"
PORTS = {
    f"{OPERATOR}-wasm-shim-service": ("wasm-shim", 8082),
    f"{OPERATOR}-push-service": ("grpc-push", 8083),
}


def main() -> int:
    """Run until Ctrl-C or SIGTERM; return the operator's exit code."""
    address = os.environ.get("ADDRESS") or _own_address()
    apply = (
        "apply",
        "--server-side",
        "--force-conflicts",
    )  # whoever applied them before, they are those of this checkout
    _kubectl(*apply, "--kustomize", str(CONFIG / "crd"))
    # What a namespace that is there asks of its pods stays: those of others may run in it.
    there = _kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "--output=name")
    for file in ("services",) if there else ("namespace", "services"):
        _kubectl(*apply, "--filename", str(CONFIG / "manager" / f"{file}.yaml"))
    replicas = _kubectl(
        *("get", "deployment", OPERATOR, "--ignore-not-found", f"--namespace={NAMESPACE}"),
        "--output=jsonpath={.spec.replicas}",
    )
    try:
        if replicas not in ("", "0"):
            print(f"the operator in the cluster makes way ({replicas} replicas)", flush=True)
            _scale("0")
        for service, (port, number) in PORTS.items():
            _kubectl(
                *(*apply, "--filename=-"),
                given=json.dumps(_endpoint(service, port, number, address)),
            )
        print(f"gateways get the module from {address}", flush=True)
        return _operate()
    finally:
        names = [_name(service) for service in PORTS]
        _kubectl("delete", "endpointslice", "--ignore-not-found", f"--namespace={NAMESPACE}", *names)
        if replicas not in ("", "0"):
            _scale(replicas)
            print(f"the operator in the cluster comes back ({replicas} replicas)", flush=True)


def _operate() -> int:
    """Run the operator; what ends this process ends it, gently."""
    resolved = _resolves(f"{next(iter(PORTS))}.{NAMESPACE}.svc.cluster.local")
    command = [sys.executable, "-m", "kuadrant", "operator", f"--namespace={NAMESPACE}"]
    command.append(f"--wasm-proof={'service' if resolved else 'endpoints'}")
    environment = {"LOG_MODE": "development", **os.environ}
    # The terminal tells both of Ctrl-C; whoever ends only this process has it told.
    with subprocess.Popen(command, env=environment) as operator:
        signal.signal(signal.SIGTERM, lambda *_: operator.terminate())
        signal.signal(signal.SIGINT, lambda *_: operator.send_signal(signal.SIGINT))
        return operator.wait()


def _endpoint(service: str, port: str, number: int, address: str) -> dict[str, Any]:
    """This machine as an endpoint of a Service, beside those that the cluster finds by labels."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": _name(service),
            "namespace": NAMESPACE,
            "labels": {
                "app": "kuadrant",
                "kubernetes.io/service-name": service,
                "endpointslice.kubernetes.io/managed-by": "kuadrant-run",
            },
        },
        "addressType": f"IPv{ip_address(address).version}",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": port, "port": number, "protocol": "TCP"}],
    }


def _name(service: str) -> str:
    return f"{service}-run"


def _own_address() -> str:
    """The address by which this machine reaches the API server; no packet is sent to find it out."""
    server = urlsplit(
        _kubectl("config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}")
    )
    host, port = server.hostname or "", server.port or 443
    family, _, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(target)
        own = str(probe.getsockname()[0])
    if ip_address(own).is_loopback:
        sys.exit(
            f"the API server is reached at {host}, from where nothing leads back: "
            "ADDRESS has to say at which address pods reach this machine"
        )
    return own


def _resolves(name: str) -> bool:
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        return False
    return True


def _scale(replicas: str) -> None:
    _kubectl("scale", f"deployment/{OPERATOR}", f"--namespace={NAMESPACE}", f"--replicas={replicas}")
    if replicas == "0":
        _kubectl(
            *("wait", "pod", f"--namespace={NAMESPACE}", "--for=delete", "--timeout=60s"),
            "--selector=app=kuadrant,control-plane=controller-manager",
        )


def _kubectl(*words: str, given: str | None = None) -> str:
    """Run kubectl.

    Raises:
        SystemExit: it refused, and what it said is told.
    """
    try:
        done = subprocess.run(
            [os.environ.get("KUBECTL", "kubectl"), *words],
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        sys.exit("kubectl is needed: https://kubernetes.io/docs/tasks/tools/")
    if done.returncode:
        sys.exit(f"`kubectl {' '.join(words)}` failed: {done.stderr.strip()}")
    return done.stdout.strip()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
