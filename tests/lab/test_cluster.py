"""What `make local-setup` promises, seen from inside the lab."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import images, in_box, programs
from tests.lab.conftest import ROOT, Lab

ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: toystore}
spec:
  parentRefs: [{name: istio-ingressgateway, namespace: istio-system}]
  hostnames: [api.toystore.com]
  rules:
    - backendRefs: [{name: toystore, port: 80}]
"""

CONNECT = """
import socket, sys, time
started = time.monotonic()
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
link = socket.socket(family, socket.SOCK_STREAM)
link.settimeout(5)
try:
    link.connect((sys.argv[1], int(sys.argv[2])))
except OSError as error:
    print(type(error).__name__, error.errno, "at once" if time.monotonic() - started < 3 else "late")
else:
    print("connected")
"""


RESOLVE = """
import socket, sys, time
started = time.monotonic()
try:
    print(socket.gethostbyname(sys.argv[1]))
except socket.gaierror:
    print("refused", "at once" if time.monotonic() - started < 3 else "late")
"""


@dataclass(frozen=True)
class Toystore:
    """The example's application behind the gateway at `address`."""

    lab: Lab
    address: str

    def in_pod(self, *words: str) -> str:
        return self.lab.run("kubectl", "exec", "deployment/toystore", "--", *words)


@pytest.fixture(scope="module")
def toystore(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toystore]:
    route = tmp_path_factory.mktemp("route") / "httproute.yaml"
    route.write_text(ROUTE)
    application = str(ROOT / "examples/toystore/toystore.yaml")
    lab.run("kubectl", "apply", "--server-side", "-f", application, "-f", str(route))
    lab.run("kubectl", "rollout", "status", "deployment/toystore", "--timeout=60s")
    lab.run(
        *("kubectl", "wait", "httproute/toystore", "--timeout=30s"),
        "--for=jsonpath={.status.parents[0].conditions[?(@.type=='Accepted')].status}=True",
    )
    gateway = ("kubectl", "get", "gtw", "istio-ingressgateway", "-n", "istio-system", "-o")
    host = lab.run(*gateway, "jsonpath={.status.addresses[0].value}")
    port = lab.run(*gateway, 'jsonpath={.spec.listeners[?(@.name=="http")].port}')
    yield Toystore(lab, f"{host}:{port}")
    lab.run("kubectl", "delete", "-f", application, "-f", str(route))


def test_the_node_is_ready_and_of_the_pinned_version(lab: Lab) -> None:
    node = json.loads(lab.run("kubectl", "get", "nodes", "-o", "json"))["items"][0]
    ready = {condition["type"]: condition["status"] for condition in node["status"]["conditions"]}
    assert ready["Ready"] == "True"
    assert node["status"]["nodeInfo"]["kubeletVersion"] == programs.versions()["k8s.io/kubernetes"]


@pytest.mark.parametrize(("namespace", "count"), [("kube-system", 1), ("istio-system", 2)])
def test_every_pod_is_ready_and_none_was_restarted(lab: Lab, namespace: str, count: int) -> None:
    pods = json.loads(lab.run("kubectl", "get", "pods", "-n", namespace, "-o", "json"))["items"]
    states = [status for pod in pods for status in pod["status"]["containerStatuses"]]
    assert [(state["ready"], state["restartCount"]) for state in states] == [(True, 0)] * count


def test_the_gateway_is_programmed(lab: Lab) -> None:
    gateway = json.loads(
        lab.run("kubectl", "get", "gtw", "istio-ingressgateway", "-n", "istio-system", "-o", "json")
    )
    conditions = {condition["type"]: condition["status"] for condition in gateway["status"]["conditions"]}
    assert conditions == {"Accepted": "True", "Programmed": "True", "ResolvedRefs": "True"}


def test_a_route_answers_through_the_gateway(lab: Lab, toystore: Toystore) -> None:
    answer = lab.run(
        *("curl", "--silent", "--retry", "20", "--retry-delay", "1", "--fail", "--retry-all-errors"),
        *("-H", "Host: api.toystore.com", "-X", "POST", f"http://{toystore.address}/toys"),
    )
    got = json.loads(answer)
    assert (got["method"], got["path"]) == ("POST", "/toys")
    assert got["pod"].startswith("toystore-")


def test_a_host_without_a_route_is_not_found(lab: Lab, toystore: Toystore) -> None:
    status = lab.run(
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-H",
        "Host: other.com",
        f"http://{toystore.address}/",
    )
    assert status == "404"


@pytest.mark.parametrize("name", ["toystore", "toystore.default", "toystore.default.svc.cluster.local"])
def test_a_pod_knows_the_names_of_services(lab: Lab, toystore: Toystore, name: str) -> None:
    address = lab.run("kubectl", "get", "service", "toystore", "-o", "jsonpath={.spec.clusterIP}")
    assert (
        toystore.in_pod("python3", "-c", f"import socket; print(socket.gethostbyname({name!r}))") == address
    )


def test_a_pod_reaches_itself_through_its_service(toystore: Toystore) -> None:
    fetch = "import urllib.request; print(urllib.request.urlopen('http://toystore/self', timeout=3).status)"
    assert toystore.in_pod("python3", "-c", fetch) == "200"


@pytest.mark.row(169)
@pytest.mark.parametrize("address", ["192.0.2.1", "169.254.169.254", "2001:db8::1"])
def test_nothing_leaves_the_machine(lab: Lab, toystore: Toystore, address: str) -> None:
    """The network is unreachable (errno 101), from the node and from a pod; neither waits for a time-out."""
    assert lab.run("python3", "-c", CONNECT, address, "443") == "OSError 101 at once"
    assert toystore.in_pod("python3", "-c", CONNECT, address, "443") == "OSError 101 at once"


def test_there_is_no_default_route_and_no_link_out(lab: Lab) -> None:
    assert lab.run("ip", "route", "show", "default") == ""
    assert lab.run("ip", "-6", "route", "show", "default") == ""
    links = json.loads(lab.run("ip", "-json", "-details", "link"))
    assert {link.get("linkinfo", {}).get("info_kind", "loopback") for link in links} <= {"loopback", "veth"}


def test_a_name_of_the_world_is_refused_at_once(lab: Lab, toystore: Toystore) -> None:
    assert lab.run("python3", "-c", RESOLVE, "example.com") == "refused at once"
    assert toystore.in_pod("python3", "-c", RESOLVE, "example.com") == "refused at once"


def test_what_listens_on_the_machine_cannot_be_reached(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        assert lab.run("python3", "-c", CONNECT, "127.0.0.1", port) == "ConnectionRefusedError 111 at once"


def test_a_command_keeps_its_folder_its_input_and_its_status(lab: Lab) -> None:
    assert lab.run("pwd") == str(Path.cwd())
    assert lab.attempt("sh", "-c", "exit 7").returncode == 7


def test_a_command_is_needed(lab: Lab) -> None:
    done = lab.attempt()
    assert (done.returncode, done.stderr) == (2, "usage: lab/run [--lab NAME] COMMAND...\n")


def test_no_proxy_goes_along(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert "HTTPS_PROXY" not in lab.run("env")


def test_the_api_server_can_be_stopped_for_a_while(lab: Lab) -> None:
    lab.run("daemon", "stop", "kube-apiserver")
    refused = lab.attempt("kubectl", "get", "--raw", "/readyz")
    lab.run("daemon", "start", "kube-apiserver")
    assert refused.returncode != 0
    assert "refused" in refused.stderr
    lab.run(
        "sh",
        "-c",
        "for i in $(seq 100); do kubectl get --raw /readyz && exit; sleep 0.2; done 2>/dev/null; exit 1",
    )


def test_the_operators_image_starts_with_the_least_rights(lab: Lab) -> None:
    name, archive = images.operator()
    in_box.load(lab.box, archive)
    container = {
        "name": "kuadrant",
        "image": name,
        "imagePullPolicy": "Never",
        "args": ["wasm", "list"],
        "securityContext": {
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    overrides = json.dumps({"spec": {"containers": [container]}})
    try:
        lab.run(
            "kubectl", "run", "kuadrant", "--restart=Never", f"--image={name}", f"--overrides={overrides}"
        )
        lab.run(
            "kubectl", "wait", "pod/kuadrant", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=30s"
        )
        printed = lab.run("kubectl", "logs", "kuadrant")
    finally:
        lab.run("kubectl", "delete", "pod", "kuadrant", "--now")
    here = subprocess.run(
        [sys.executable, "-m", "kuadrant", "wasm", "list"], capture_output=True, text=True, check=True
    )
    assert printed == here.stdout.strip()


def test_the_operators_namespace_takes_no_pod_with_more_rights(lab: Lab) -> None:
    pod = ("loose", "--image=docker.io/library/toystore:latest", "-n", "kuadrant-system")
    refused = lab.attempt("kubectl", "run", *pod, "--dry-run=server")
    assert refused.returncode == 1
    assert 'violates PodSecurity "restricted:' in refused.stderr


def test_a_cluster_that_is_there_already_gets_our_crds(lab: Lab) -> None:
    """CLUSTER=existing, with the lab as the cluster of the current kubeconfig."""
    name, archive = images.operator()
    in_box.load(lab.box, archive)
    lab.run("kubectl", "delete", "--kustomize", str(ROOT / "config" / "crd"))
    lab.run("env", f"IMG={name}", sys.executable, "-m", "lab", "setup", "--cluster=existing")
    assert lab.run("kubectl", "get", "ratelimitpolicies", "--all-namespaces", "--ignore-not-found") == ""


def test_setup_again_keeps_what_runs(lab: Lab) -> None:
    pods = ("kubectl", "get", "pods", "-n", "istio-system", "-o", "jsonpath={.items[*].metadata.uid}")
    before = (lab.box.pid(), lab.run(*pods))
    lab.make("local-setup")
    assert (lab.box.pid(), lab.run(*pods)) == before
