"""The rights that config/ grants are those that are used, proven by the API server's own audit log.

The operator and the rate limit service run as the accounts that config/ gives them, on a real API server with
the roles of config/. A right that is never used is one too many; one that is taken away shows up as a request
that was refused.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc  # type: ignore[import-untyped]
import pytest
import yaml

from kuadrant.envoy_api import message
from lab import envoy_gateway, istio, programs, steps
from scripts import chart_hooks
from scripts.installation import CONFIG, NAMESPACE, built
from tests.integration.kube.conftest import TOKEN, Cluster
from tests.lab.stranger import answers
from tests.monitoring_kinds import MONITORING
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OPERATOR = "kuadrant-operator-controller-manager"
RATELIMIT = "kuadrant-ratelimit"
HOOKS = {chart_hooks.DOCTOR: chart_hooks.doctor, chart_hooks.UNINSTALL: chart_hooks.uninstall}
"""What the chart runs for a moment, by its account."""
POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
"""


class Right(NamedTuple):
    """One verb on one kind, or on a part of it such as its status."""

    verb: str
    group: str
    resource: str


def granted(account: str) -> set[Right]:
    """What config/ grants to an account, wherever."""
    objects = [document for _, document in built(CONFIG / "default")]
    roles = {(one["kind"], one["metadata"]["name"]): one for one in objects}
    rules = [
        rule
        for one in objects
        if one["kind"] in {"ClusterRoleBinding", "RoleBinding"}
        if any(subject["name"] == account for subject in one["subjects"])
        for rule in roles[one["roleRef"]["kind"], one["roleRef"]["name"]]["rules"]
    ]
    return {
        Right(verb, group, resource)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


class AuditedCluster(Cluster):
    """An API server that writes down who did what."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.push_port = free_port()
        self.ratelimit_port = free_port()
        self.tokens = {account: secrets.token_hex(16) for account in (OPERATOR, RATELIMIT, *HOOKS)}
        with (folder / "tokens.csv").open("a") as file:
            for account, token in self.tokens.items():
                file.write(f'{token},system:serviceaccount:{NAMESPACE}:{account},{account},"strangers"\n')
        (folder / "audit.yaml").write_text(POLICY)
        self.options = (
            f"--audit-policy-file={folder}/audit.yaml",
            f"--audit-log-path={folder}/audit.log",
        )

    def events(self, account: str) -> list[dict[str, Any]]:
        """What an account has asked for."""
        lines = (self.folder / "audit.log").read_text().splitlines(keepends=True)
        found = [json.loads(line) for line in lines if line.endswith("\n")]
        return [one for one in found if one["user"]["username"].endswith(f":{account}")]

    def used(self, account: str) -> set[Right]:
        """The rights that an account has used. What an apply has made took the right to create it, too."""
        found = set()
        for event in self.events(account):
            place, code = event.get("objectRef"), event.get("responseStatus", {}).get("code", 0)
            if place is None or code == 403:
                continue
            resource = "/".join(filter(None, (place["resource"], place.get("subresource", ""))))
            verbs = {event["verb"]} | ({"create"} if event["verb"] == "patch" and code == 201 else set())
            found |= {Right(verb, place.get("apiGroup", ""), resource) for verb in verbs}
            if event["verb"] == "watch":
                # Where the API server does not stream lists, the same is listed first.
                found.add(Right("list", place.get("apiGroup", ""), resource))
        return found

    def refused(self, account: str) -> list[str]:
        """What an account was not allowed to do."""
        return [
            event["responseStatus"].get("message", event["requestURI"])
            for event in self.events(account)
            if event.get("responseStatus", {}).get("code") == 403
        ]

    def kubeconfig(self, account: str) -> Path:
        file = self.folder / f"{account}.yaml"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "test", "user": {"token": self.tokens.get(account, TOKEN)}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        file.write_text(yaml.safe_dump(content))
        return file

    def kubectl(self, *words: str, given: str | None = None) -> str:
        """Run kubectl as the administrator."""
        command = [str(programs.path_of("kubectl")), f"--kubeconfig={self.kubeconfig('admin')}", *words]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def apply(self, *files: Path) -> None:
        """Apply manifests: files, folders of them, or kustomizations."""
        for file in files:
            how = "--kustomize" if (file / "kustomization.yaml").exists() else "--filename"
            self.kubectl("apply", "--server-side", "--force-conflicts", how, str(file))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditedCluster]:
    programs.build(["etcd", "kube-apiserver", "kubectl"])
    cluster = AuditedCluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        cluster.apply(steps.gateway_api(), istio.crds(), envoy_gateway.crds(), CONFIG / "crd")
        cluster.apply(CONFIG / "ratelimit" / "limitadors.yaml")
        cluster.kubectl("apply", "--filename=-", given=MONITORING)
        cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        cluster.apply(CONFIG / "default")
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def _processes(cluster: AuditedCluster) -> Iterator[None]:
    """The operator and the rate limit service, each as its account."""
    port = str(free_port())
    commands = {
        OPERATOR: (
            *("operator", f"--namespace={NAMESPACE}", "--wasm-host=127.0.0.1", f"--wasm-port={port}"),
            *(
                f"--push-port={cluster.push_port}",
                "--push-host=127.0.0.1",
                "--probes-port=0",
                "--metrics-port=0",
            ),
        ),
        RATELIMIT: (
            *("ratelimit", f"--namespace={NAMESPACE}", "--address=127.0.0.1"),
            *(f"--port={cluster.ratelimit_port}", f"--operations-port={free_port()}"),
            "--counters-port=0",
        ),
    }
    running = []
    for account, words in commands.items():
        with (cluster.folder / f"{account}.log").open("wb") as log:
            running.append(
                subprocess.Popen(
                    [sys.executable, "-m", "kuadrant", *words],
                    env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig(account))},
                    stdout=log,
                    stderr=log,
                )
            )
    yield
    for process in running:
        process.send_signal(signal.SIGTERM)
    for process in running:
        process.wait(30)


GATEWAYS = "\n---\n".join(
    f"""
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: {name}}}
spec: {{controllerName: {controller}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: default}}
spec:
  gatewayClassName: {name}
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: default}}
spec:
  parentRefs: [{{name: {name}}}]
  hostnames: [{name}.example.com]
  rules: [{{backendRefs: [{{name: app, port: 80}}]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {{name: {name}, namespace: default}}
spec:
  parentRefs: [{{name: {name}}}]
  hostnames: [grpc.{name}.example.com]
  rules: [{{backendRefs: [{{name: app, port: 80}}]}}]
"""
    for name, controller in (
        ("istio", "istio.io/gateway-controller"),
        ("eg", "gateway.envoyproxy.io/gatewayclass-controller"),
    )
)
POLICIES = "\n---\n".join(
    f"""
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: {name}-{kind.lower()}, namespace: default}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: {kind}, name: {name}}}
  limits: {{all: {{rates: [{{limit: 5, window: 10s}}]}}}}
"""
    for name in ("istio", "eg")
    for kind in ("Gateway", "HTTPRoute", "GRPCRoute")
)
POD = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: default}
---
apiVersion: v1
kind: Pod
metadata: {name: gateway, namespace: default, labels: {gateway.networking.k8s.io/gateway-name: istio}}
spec: {containers: [{name: proxy, image: none}], automountServiceAccountToken: false}
"""
KUADRANT = f"""
apiVersion: kuadrant.io/v1beta1
kind: Kuadrant
metadata: {{name: kuadrant, namespace: {NAMESPACE}}}
spec: {{}}
"""
MONITORS = {"servicemonitor.monitoring.coreos.com", "podmonitor.monitoring.coreos.com"}
MADE = {
    "wasmplugin.extensions.istio.io",
    "envoyfilter.networking.istio.io",
    "envoyextensionpolicy.gateway.envoyproxy.io",
    "envoypatchpolicy.gateway.envoyproxy.io",
}
CA = r"--output=jsonpath={.data.ca\.crt}"
STORAGE = '{"spec": {"storage": {"redis": {"configSecretRef": {"name": "redis-config"}}}}}'


def _until(condition: Callable[[], bool], what: Callable[[], str], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.2)


def _ask_with_a_token(cluster: AuditedCluster, authority: bytes) -> None:
    """Ask the push server for something, and show a token that nobody gave us."""
    credentials = grpc.ssl_channel_credentials(authority)
    with grpc.secure_channel(f"127.0.0.1:{cluster.push_port}", credentials) as channel:
        ask = channel.stream_stream(
            "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/StreamExtensionConfigs"
        )
        request = message("envoy.service.discovery.v3.DiscoveryRequest")(resource_names=["a"])
        answers = ask(
            iter([request.SerializeToString()]),
            metadata=[("authorization", "Bearer token")],
            wait_for_ready=True,
            timeout=60,
        )
        # It has nothing to say, and ends the stream when we have nothing more to ask.
        assert list(answers) == []


def _is_refused_as_a_stranger(cluster: AuditedCluster) -> bool:
    """Ask the rate limit service without a token."""
    return [*answers(f"127.0.0.1:{cluster.ratelimit_port}", "d", "k", 1, 1)] == ["UNAUTHENTICATED"]


def _run_a_gateways_pod(cluster: AuditedCluster) -> None:
    """Have a pod of a gateway at this machine's address: from elsewhere no token is looked at."""
    cluster.kubectl("apply", "--filename=-", given=POD)
    status = '{"status": {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}}'
    cluster.kubectl("patch", "pod", "gateway", "--subresource=status", "--type=merge", f"--patch={status}")


@pytest.fixture(scope="module")
def used(cluster: AuditedCluster, _processes: None) -> AuditedCluster:
    """The cluster after all has been done that the two programs do: write, renew, take back, tell."""

    def logs() -> str:
        texts = [(cluster.folder / f"{account}.log").read_text()[-3000:] for account in (OPERATOR, RATELIMIT)]
        return "\n".join(texts)

    def made(kinds: set[str] = MADE) -> set[str]:
        return {
            name.partition("/")[0]
            for name in cluster.kubectl("get", ",".join(kinds), "--all-namespaces", "--output=name").split()
        }

    def monitor(enable: str) -> None:
        """Have monitors made, or taken away."""
        kuadrant = ("kuadrant/kuadrant", f"--namespace={NAMESPACE}", "--type=merge")
        spec = f'{{"spec": {{"observability": {{"enable": {enable}}}}}}}'
        cluster.kubectl("patch", *kuadrant, f"--patch={spec}")
        _until(lambda: made(MONITORS) == (MONITORS if enable == "true" else set()), logs)

    def pods(spec: str, *, noted: bool) -> None:
        """Have the pods of the rate limit service be otherwise, or as they were."""
        kuadrant = ("kuadrant/kuadrant", f"--namespace={NAMESPACE}", "--type=merge")
        cluster.kubectl("patch", *kuadrant, f'--patch={{"spec": {{"limitador": {spec}}}}}')
        path = r"--output=jsonpath={.metadata.annotations.kuadrant\.io/before}"
        for kind in ("deployment", "poddisruptionbudget"):
            what = ("get", kind, "kuadrant-ratelimit", f"--namespace={NAMESPACE}", path)
            _until(lambda what=what: bool(cluster.kubectl(*what)) == noted, logs)  # type: ignore[misc]

    def aim(name: str, accepted: str) -> None:
        """Have a policy aim at a route of that name."""
        policy = ("ratelimitpolicy/istio-httproute", "--namespace=default")
        spec = json.dumps({"spec": {"targetRef": {"name": name}}})
        cluster.kubectl("patch", *policy, "--type=merge", f"--patch={spec}")
        path = '{.status.conditions[?(@.type=="Accepted")].status}'
        _until(lambda: cluster.kubectl("get", *policy, f"--output=jsonpath={path}") == accepted, logs)

    cluster.kubectl("apply", "--filename=-", given=f"{GATEWAYS}\n---\n{KUADRANT}")
    cluster.kubectl("apply", "--filename=-", given=POLICIES)
    _until(lambda: made() == MADE, lambda: f"there is {made()}\n{logs()}")
    certificate = ("secret", "kuadrant-push-server", f"--namespace={NAMESPACE}")
    _until(lambda: bool(cluster.kubectl("get", *certificate, "--ignore-not-found")), logs)
    spoiled = '{"data": {"tls.crt": "", "tls.key": ""}}'
    cluster.kubectl("patch", *certificate, "--type=merge", f"--patch={spoiled}")
    _until(lambda: bool(cluster.kubectl("get", *certificate, r"--output=jsonpath={.data.tls\.crt}")), logs)
    key = ("secret", "kuadrant-ratelimit-key", f"--namespace={NAMESPACE}")
    cluster.kubectl("patch", *key, "--type=merge", '--patch={"data": {"current": ""}}')
    _until(lambda: bool(cluster.kubectl("get", *key, "--output=jsonpath={.data.previous}")), logs)
    _until(lambda: _is_refused_as_a_stranger(cluster), logs)
    _run_a_gateways_pod(cluster)
    _ask_with_a_token(cluster, base64.b64decode(cluster.kubectl("get", *certificate, CA)))
    monitor("true")
    monitor("false")
    pods('{"pdb": {"maxUnavailable": 2}, "resourceRequirements": {"limits": {"memory": "1Gi"}}}', noted=True)
    pods("null", noted=False)
    for _ in range(2):  # what is told of twice is one Event with a count
        aim("nowhere", "False")
        aim("istio", "True")
    cluster.kubectl("delete", "--filename=-", given=POLICIES)
    _until(lambda: made() == set(), lambda: f"there is still {made()}\n{logs()}")
    cluster.kubectl(
        *("patch", "limitador", "limitador", f"--namespace={NAMESPACE}", "--type=merge", f"--patch={STORAGE}")
    )
    return cluster


@pytest.mark.parametrize("account", [OPERATOR, RATELIMIT])
def test_every_right_is_used_and_none_is_missing(used: AuditedCluster, account: str) -> None:
    def difference() -> str:
        have, need = granted(account), used.used(account)
        return f"granted and not used: {sorted(have - need)}\nused and not granted: {sorted(need - have)}"

    _until(lambda: granted(account) <= used.used(account), difference, 60)
    assert used.refused(account) == []
    # What everybody may ask, such as which kinds there are, is no right of config/.
    assert used.used(account) - granted(account) == set(), difference()


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (chart_hooks.DOCTOR, ("doctor",)),
        (chart_hooks.UNINSTALL, ("uninstall", "--yes", "--stop-only")),
    ],
    ids=["the doctor", "what ends limiting"],
)
def test_what_the_chart_runs_for_a_moment_may_do_what_it_does(
    used: AuditedCluster, account: str, words: tuple[str, ...]
) -> None:
    used.kubectl("apply", "--filename=-", given=POLICIES)
    *rights, _ = HOOKS[account]().replace("{{ .Release.Namespace }}", NAMESPACE).split("---\n")[1:]
    used.kubectl("apply", "--filename=-", given="---\n".join(rights))

    command = [sys.executable, "-m", "kuadrant", *words, f"--namespace={NAMESPACE}", "--output=json"]
    environment = {**os.environ, "KUBECONFIG": str(used.kubeconfig(account))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert used.refused(account) == [], done.stderr
    said = json.loads(done.stdout)
    assert not [one for one in said.get("findings", ()) if one["code"] == "not-read"]
    assert said.get("problem", "") == ""
