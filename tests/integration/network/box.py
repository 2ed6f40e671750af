"""Pods as network namespaces behind one node, where kube-network-policies enforces the policies of config/.

Run it in namespaces of its own, as the tests do: it takes a folder and an executable, and prints who reached
what, as JSON. Nothing of it leaves them, and all of it ends with them.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from scripts.installation import CONFIG, NAMESPACE, built
from tests.integration.kube.conftest import TOKEN, Cluster
from tests.unit.config.network import lets_in, lets_out
from tests.unit.config.peers import LABELS, PODS, REACHES, gateways_only

if TYPE_CHECKING:
    from collections.abc import Iterable

    Found = dict[str, list[str]]

OUTSIDE = "the API server, a node, or what is outside"
OURS = {"operator": "a replica of the operator", "ratelimit": "a pod of the rate limit service"}
OUTSIDE_PORTS = (80, 443, 6379, 6443)
OBJECTS = [document for _, document in built(CONFIG / "default")]
POLICIES = [document for document in OBJECTS if document["kind"] == "NetworkPolicy"]
ADDRESSES = {name: f"10.88.0.{number}" for number, name in enumerate(PODS, 10)}
QUEUE = "100"
_SERVE = """
import select, socket, sys
servers = [socket.create_server(("0.0.0.0", int(port)), backlog=64) for port in sys.argv[1:]]
while True:
    for server in select.select(servers, [], [])[0]:
        server.accept()[0].close()
"""
_TRY = """
import asyncio, json, sys
async def reaches(address, port):
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    writer.close()
    return True
async def main(targets):
    return await asyncio.gather(*(reaches(*target) for target in targets))
print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
"""


def ports() -> dict[tuple[str, str], int]:
    """The number of each port of ours, by pod and name."""
    found = {}
    for one in OBJECTS:
        if one["kind"] == "Deployment":
            template = one["spec"]["template"]
            (who,) = [who for who, labels in LABELS.items() if template["metadata"]["labels"] == labels]
            for port in template["spec"]["containers"][0]["ports"]:
                found[who, port["name"]] = port["containerPort"]
    return found


def targets() -> dict[str, tuple[str, int]]:
    """What is tried by everybody: where it is, by what it is called."""
    numbers = ports()
    ours = {f"{who} {name}": (ADDRESSES[OURS[who]], numbers[who, name]) for who, name in REACHES}
    return {**ours, **{f"outside {port}": (ADDRESSES[OUTSIDE], port) for port in OUTSIDE_PORTS}}


def expected(policies: list[dict[str, Any]]) -> Found:
    """Who reaches what by the evaluator that the unit tests have, from both ends."""
    numbers, found = ports(), {}
    for target in targets():
        who, _, name = target.partition(" ")
        number = int(name) if who == "outside" else numbers[who, name]
        other = PODS[OUTSIDE if who == "outside" else OURS[who]]
        found[target] = [
            source
            for source, peer in PODS.items()
            if ADDRESSES[source] != targets()[target][0]
            and (who == "outside" or lets_in(policies, LABELS[who], name, peer))
            and all(
                lets_out(policies, LABELS[ours], number, other)
                for ours, called in OURS.items()
                if called == source
            )
        ]
    return found


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)


def connect() -> None:
    """Have the node's network, and a network namespace for each pod."""
    for command in ("ip link set lo up", "mkdir -p /run/netns", "mount -t tmpfs tmpfs /run/netns"):
        _run(command)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    node = "10.88.255.254"
    for number, address in enumerate(ADDRESSES.values()):
        inside = f"ip -n pod{number}"
        for command in (
            f"ip netns add pod{number}",
            f"ip link add pod{number} type veth peer name eth0 netns pod{number}",
            f"ip link set pod{number} up",
            f"ip address add {node}/32 dev pod{number}",
            f"ip route add {address}/32 dev pod{number}",
            f"{inside} link set lo up",
            f"{inside} link set eth0 up",
            f"{inside} address add {address}/32 dev eth0",
            f"{inside} route add {node} dev eth0",
            f"{inside} route add default via {node}",
        ):
            _run(command)


def _inside(name: str, *words: str) -> list[str]:
    return ["ip", "netns", "exec", f"pod{list(PODS).index(name)}", sys.executable, "-c", *words]


def serve() -> None:
    """Have every target listen."""
    for name in (*OURS.values(), OUTSIDE):
        numbers = [str(port) for address, port in targets().values() if address == ADDRESSES[name]]
        subprocess.Popen(_inside(name, _SERVE, *numbers))


async def reached() -> Found:
    """Who reaches what now."""
    wanted = targets()

    async def of(name: str) -> list[bool]:
        others = [target if target[0] != ADDRESSES[name] else ("127.0.0.1", 1) for target in wanted.values()]
        process = await asyncio.create_subprocess_exec(
            *_inside(name, _TRY, json.dumps(others)), stdout=subprocess.PIPE
        )
        answers: list[bool] = json.loads((await process.communicate())[0])
        return answers

    answers = await asyncio.gather(*map(of, PODS))
    return {
        target: [name for name, answer in zip(PODS, answers, strict=True) if answer[number]]
        for number, target in enumerate(wanted)
    }


class Pods:
    """The API server with all pods, as if they ran."""

    def __init__(self, cluster: Cluster) -> None:
        self.http = httpx2.Client(
            base_url=cluster.url, verify=False, headers={"authorization": f"Bearer {TOKEN}"}
        )

    def create(self, path: str, document: dict[str, Any]) -> None:
        """Have an object; another pod may have brought its namespace already."""
        answer = self.http.post(path, json=document)
        assert answer.status_code in {201, 409}, answer.text

    def run(self) -> None:
        """Have every pod, with its address."""
        deployments = [one["spec"]["template"] for one in OBJECTS if one["kind"] == "Deployment"]
        for number, (name, peer) in enumerate(PODS.items()):
            if peer.labels is None or peer.of_namespace is None:
                continue
            labels = dict(peer.of_namespace)
            namespace = labels.pop("kubernetes.io/metadata.name")
            self.create("/api/v1/namespaces", {"metadata": {"name": namespace, "labels": labels}})
            path = f"/api/v1/namespaces/{namespace}"
            self.create(f"{path}/serviceaccounts", {"metadata": {"name": "default"}})
            container = {"name": "a", "image": "a"}
            for template in deployments:
                if template["metadata"]["labels"] == peer.labels:
                    container["ports"] = template["spec"]["containers"][0]["ports"]
            metadata = {"name": f"pod{number}", "labels": dict(peer.labels)}
            self.create(
                f"{path}/pods",
                {"metadata": metadata, "spec": {"nodeName": "node", "containers": [container]}},
            )
            address = ADDRESSES[name]
            status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
            self.http.patch(
                f"{path}/pods/pod{number}/status",
                json={"status": status},
                headers={"content-type": "application/merge-patch+json"},
            ).raise_for_status()

    def hold(self, policies: Iterable[dict[str, Any]]) -> None:
        """Have these policies and no others."""
        path = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies"
        self.http.delete(path).raise_for_status()
        for policy in policies:
            self.create(path, policy)


def enforce(folder: Path, program: str, port: int) -> None:
    """Have every first packet that the node forwards judged by ``program``.

    It makes the rule for that with nft's own `queue`, which not every kernel has; this one is made with
    iptables' extension. It takes the API server's address from the environment and a token from its pod.
    """
    account = Path("/run/secrets/kubernetes.io/serviceaccount")
    _run("mkdir -p /run/secrets")
    _run("mount -t tmpfs tmpfs /run/secrets")
    account.mkdir(parents=True)
    (account / "token").write_text(TOKEN)
    (account / "ca.crt").write_bytes((folder / "certificates" / "apiserver.crt").read_bytes())
    _run(f"iptables-nft -A FORWARD -m conntrack --ctstate NEW -j NFQUEUE --queue-num {QUEUE}")
    environment = {
        **os.environ,
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(port),
    }
    with (folder / "policies.log").open("w") as log:
        command = [program, f"--nfqueue-id={QUEUE}", "--hostname-override=node", "--disable-nri"]
        subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def settled(wanted: Found, seconds: float) -> Found:
    """Who reaches what as soon as that is ``wanted``, or after so many seconds."""
    end = time.monotonic() + seconds
    while (found := asyncio.run(reached())) != wanted and time.monotonic() < end:
        pass
    return found


def main(folder: Path, program: str) -> None:
    """Print what is expected and what was found: without policies, with them, and with gateways only."""
    connect()
    cluster = Cluster(folder)
    cluster.start()
    pods = Pods(cluster)
    pods.run()
    serve()
    enforce(folder, program, cluster.port)
    results = {}
    cases = {"none": [], "default": POLICIES, "gateways-only": gateways_only(POLICIES)}
    for name, policies in cases.items():
        pods.hold(policies)
        wanted = expected(policies)
        results[name] = {"expected": wanted, "found": settled(wanted, 60)}
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
