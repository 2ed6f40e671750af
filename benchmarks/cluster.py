"""The whole operator at scale on a real API server: how soon policies are enforced, and what that costs.

    .venv/bin/python -m benchmarks.cluster [--sizes 100 1000] [--gateways 1 10] [--edits 10] [--listeners 63]

etcd and kube-apiserver, `kuadrant operator` and `kuadrant ratelimit` run as processes of this machine; the
CRDs are Gateway API's, Istio's and ours. There is no Istio: what it would read is what is measured. Each
route has a host name and a policy of its own. Writes are counted in the API server's audit log, by who made
them; CPU and memory are those of the operator's process. The peer is the API server itself: the same number
of objects applied by a client that does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import yaml

from kuadrant.api import limit_packing
from kuadrant.api.limitador import LimitadorSpec
from kuadrant.dialects import unpacked
from kuadrant.kube.kind import Kind
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store
from lab.programs import build, module_folder
from tests.integration.kube.conftest import Cluster, access
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from kuadrant.api.limitador import Limit

CRD = Path(__file__).parents[1] / "config" / "crd"
GATEWAY_API = "gateway.networking.k8s.io"
NAMESPACE = "kuadrant-system"
TOKENS = {name: secrets.token_hex(16) for name in ("bench", "operator", "ratelimit")}
AUDIT = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata, verbs: [create, update, patch, delete]}]
"""
DEFINITIONS = {
    "CustomResourceDefinition": "apiextensions.k8s.io/v1/customresourcedefinitions",
    "ValidatingAdmissionPolicy": "admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}
POLICIES: Kind[dict[str, Any]] = Kind("kuadrant.io", "v1", "ratelimitpolicies", "RateLimitPolicy", dict)
PLUGINS: Kind[dict[str, Any]] = Kind("extensions.istio.io", "v1alpha1", "wasmplugins", "WasmPlugin", dict)
FILTERS: Kind[dict[str, Any]] = Kind("networking.istio.io", "v1alpha3", "envoyfilters", "EnvoyFilter", dict)
LIMITADORS: Kind[dict[str, Any]] = Kind("limitador.kuadrant.io", "v1alpha1", "limitadors", "Limitador", dict)


class AuditedCluster(Cluster):
    """An API server that writes down who wrote what."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        tokens = "".join(f"{token},{name},{name},system:masters\n" for name, token in TOKENS.items())
        with (folder / "tokens.csv").open("a") as file:
            file.write(tokens)
        (folder / "audit.yaml").write_text(AUDIT)
        self.audit = folder / "audit.log"

    def _start(self, name: str, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
        if name == "kube-apiserver":
            arguments += (f"--audit-log-path={self.audit}", f"--audit-policy-file={self.folder}/audit.yaml")
        return super()._start(name, *arguments)

    def writes(self, since: int) -> dict[str, list[str]]:
        """What each user wrote after the first ``since`` bytes of the log, Leases apart."""
        with self.audit.open("rb") as log:
            log.seek(since)
            lines = log.read().splitlines()
        found: dict[str, list[str]] = {}
        for line in lines:
            entry = json.loads(line)
            reference = entry.get("objectRef", {})
            if reference.get("resource") == "leases":
                continue
            what = f"{entry['verb']} {reference.get('resource')}/{reference.get('subresource', '')}"
            found.setdefault(entry["user"]["username"], []).append(what.rstrip("/"))
        return found

    def mark(self) -> int:
        """Where the log ends now."""
        return self.audit.stat().st_size if self.audit.exists() else 0


class Program:
    """A command of ours as a process, against the API server."""

    def __init__(self, cluster: Cluster, user: str, *arguments: str, profile: bool = False) -> None:
        kubeconfig = cluster.folder / f"{user}.kubeconfig"
        kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "c",
                    "clusters": [
                        {"name": "c", "cluster": {"server": cluster.url, "insecure-skip-tls-verify": True}}
                    ],
                    "users": [{"name": "u", "user": {"token": TOKENS[user]}}],
                    "contexts": [
                        {"name": "c", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}
                    ],
                }
            )
        )
        self.log = cluster.folder / f"{user}.log"
        how = ["-m", "cProfile", "-o", f"{user}-{time.monotonic_ns()}.prof"] if profile else []
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *how, "-m", "kuadrant", *arguments],
                stdout=output,
                stderr=output,
                env={**os.environ, "KUBECONFIG": str(kubeconfig)},
            )

    def memory(self) -> tuple[float, float]:
        """Resident MiB now, and at most."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        now, most = (int(status.partition(f"{name}:")[2].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
        return now, most

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it as a pod is ended."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Bench:
    """One cluster with the operator and the rate limit service, and what is seen of it."""

    def __init__(self, cluster: AuditedCluster, client: httpx2.AsyncClient, *, profile: bool) -> None:
        self.cluster = cluster
        self.client = client
        self._profile = profile
        self.store = Store()
        self.changed = asyncio.Event()
        self.store.listen(lambda _: self.changed.set())
        self.policies = self.store.add(POLICIES)
        self.plugins = self.store.add(PLUGINS)
        self.limitadors = self.store.add(LIMITADORS)
        self.probes = 0
        self.operator = self.start_operator()
        self.ratelimit = Program(
            cluster,
            "ratelimit",
            *("ratelimit", "--address", "127.0.0.1", "--port", str(free_port())),
            *("--operations-port", str(free_port()), "--counters-port", "0"),
        )

    def start_operator(self) -> Program:
        """Start the operator; the one before has to be stopped."""
        self.probes = free_port()
        self.operator = Program(
            self.cluster,
            "operator",
            *("operator", "--namespace", NAMESPACE, "--wasm-host", "127.0.0.1"),
            *("--wasm-port", str(free_port()), "--push-port", "0"),
            *("--probes-port", str(self.probes), "--metrics-port", "0", "--lease-seconds", "60"),
            profile=self._profile,
        )
        return self.operator

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = 180) -> float:
        """Wait; return for how long."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise SystemExit(
                f"{what}: not within {seconds} s\n{self.operator.log.read_text()[-2000:]}"
            ) from None
        return time.monotonic() - began

    async def ready(self) -> None:
        """Wait until the operator knows everything."""
        end = time.monotonic() + 60
        said = ""
        while time.monotonic() < end:
            with contextlib.suppress(httpx2.HTTPError):
                async with httpx2.AsyncClient() as http:
                    answer = await http.get(f"http://127.0.0.1:{self.probes}/readyz")
                if answer.status_code == 200:
                    return
                said = answer.text
            await asyncio.sleep(0.02)
        raise SystemExit(f"the operator is not ready: {said}\n{self.operator.log.read_text()[-2000:]}")

    def enforced(self) -> int:
        """How many policies are, in the version that is stored."""
        return sum(map(_is_enforced, (entry.object for entry in self.policies.entries.values())))

    async def apply(self, documents: Iterable[dict[str, Any]], at_once: int = 16) -> float:
        """Apply all; return the seconds it took."""
        began = time.monotonic()
        gate = asyncio.Semaphore(at_once)

        async def one(document: dict[str, Any]) -> None:
            async with gate:
                answer = await self.client.patch(
                    _path(document),
                    params={"fieldManager": "bench", "force": "true"},
                    content=json.dumps(document),
                    headers={"content-type": "application/apply-patch+yaml"},
                )
                assert answer.status_code in {200, 201}, answer.text

        await asyncio.gather(*map(one, documents))
        return time.monotonic() - began

    async def quiet(self, seconds: float = 1.5) -> None:
        """Wait until the operator has not written for so long."""
        while True:
            mark = self.cluster.mark()
            await asyncio.sleep(seconds)
            if not {"operator", "ratelimit"} & self.cluster.writes(mark).keys():
                return

    async def largest(self) -> float:
        """KiB of the largest object that the operator made."""
        sizes = [0]
        for kind in (PLUGINS, FILTERS, LIMITADORS):
            items = (await self.client.get(kind.path())).json()["items"]
            sizes += (len(json.dumps(item, separators=(",", ":"))) for item in items)
        return max(sizes) / 1024


def _is_enforced(policy: dict[str, Any]) -> bool:
    generation = policy["metadata"]["generation"]
    return any(
        condition["type"] == "Enforced"
        and condition["status"] == "True"
        and condition.get("observedGeneration") == generation
        for condition in policy.get("status", {}).get("conditions", ())
    )


_PLURALS = {
    "Namespace": "namespaces",
    "GatewayClass": "gatewayclasses",
    "Gateway": "gateways",
    "HTTPRoute": "httproutes",
    "RateLimitPolicy": "ratelimitpolicies",
    "Kuadrant": "kuadrants",
}


def _path(document: dict[str, Any]) -> str:
    version, metadata = document["apiVersion"], document["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    namespace = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{root}{namespace}/{_PLURALS[document['kind']]}/{metadata['name']}"


def _object(version: str, kind: str, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def gateway(name: str, listeners: list[dict[str, Any]]) -> dict[str, Any]:
    spec = {"gatewayClassName": "istio", "listeners": listeners}
    return _object(f"{GATEWAY_API}/v1", "Gateway", "gateways", name, spec)


def listener(name: str = "http", hostname: str = "*.example.com") -> dict[str, Any]:
    return {
        "name": name,
        "port": 80,
        "protocol": "HTTP",
        "hostname": hostname,
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }


def route(number: int, parent: dict[str, Any], hostname: str | None = None) -> dict[str, Any]:
    spec = {
        "parentRefs": [{"namespace": "gateways", **parent}],
        "hostnames": [hostname or f"app-{number}.example.com"],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/toys"}, "method": "GET"}],
                "backendRefs": [{"name": "toys", "port": 80}],
            }
        ],
    }
    return _object(f"{GATEWAY_API}/v1", "HTTPRoute", f"team-{number % 20}", f"route-{number}", spec)


def policy(number: int, tenant: str = "", most: int = 5) -> dict[str, Any]:
    target = {"group": GATEWAY_API, "kind": "HTTPRoute", "name": f"route-{number}"}
    return _policy(f"team-{number % 20}", f"policy-{number}", target, tenant or f"tenant-{number}", most)


def _policy(namespace: str, name: str, target: dict[str, Any], tenant: str, most: int = 5) -> dict[str, Any]:
    limit = {
        "rates": [{"limit": most, "window": "10s"}],
        "when": [{"predicate": f"request.headers['x-tenant'] == '{tenant}'"}],
        "counters": [{"expression": "request.headers['x-user']"}],
    }
    spec = {"targetRef": target, "limits": {"requests": limit}}
    return _object("kuadrant.io/v1", "RateLimitPolicy", namespace, name, spec)


async def install(client: httpx2.AsyncClient) -> None:
    """Apply the definitions, and wait until they are served."""
    istio = module_folder("istio", "istio.io/istio") / "manifests/charts/base/files/crd-all.gen.yaml"
    gateway_api = module_folder("istio", "sigs.k8s.io/gateway-api") / "config/crd/standard"
    routes = [
        gateway_api / f"{GATEWAY_API}_{plural}.yaml"
        for plural in ("gatewayclasses", "gateways", "httproutes", "grpcroutes", "referencegrants")
    ]
    ours = (*sorted((CRD / "bases").iterdir()), CRD / "admission.yaml")
    limitador = CRD.parent / "ratelimit" / "limitadors.yaml"
    for file in (*ours, limitador, istio, *routes):
        for document in yaml.safe_load_all(file.read_text()):
            if document["kind"] not in DEFINITIONS:
                continue
            answer = await client.patch(
                f"/apis/{DEFINITIONS[document['kind']]}/{document['metadata']['name']}",
                params={"fieldManager": "bench", "force": "true"},
                content=json.dumps(document),
                headers={"content-type": "application/apply-patch+yaml"},
            )
            assert answer.status_code in {200, 201}, answer.text
    paths = (
        *(kind.path() for kind in (POLICIES, PLUGINS, FILTERS, LIMITADORS)),
        *(f"/apis/{GATEWAY_API}/v1/{plural}" for plural in ("gatewayclasses", "gateways", "httproutes")),
        "/apis/kuadrant.io/v1beta1/kuadrants",
    )
    for path in paths:
        async with asyncio.timeout(60):
            while (await client.get(path)).status_code != 200:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def bench(*, profile: bool) -> AsyncIterator[Bench]:
    """A cluster of its own with everything that runs in it and nothing to limit."""
    build(["etcd", "kube-apiserver"])
    with tempfile.TemporaryDirectory() as folder:
        cluster = AuditedCluster(Path(folder))
        followers: list[asyncio.Task[None]] = []
        found: Bench | None = None
        try:
            cluster.start()
            async with access(cluster.url, TOKENS["bench"]).connect(timeout=120) as client:
                await install(client)
                found = Bench(cluster, client, profile=profile)
                followers += (
                    asyncio.create_task(Follower(kind, found.store, client).run())
                    for kind in (POLICIES, PLUGINS, LIMITADORS)
                )
                names = [NAMESPACE, "gateways", *(f"team-{number}" for number in range(20))]
                await found.apply(
                    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names
                )
                controller = {"controllerName": "istio.io/gateway-controller"}
                await found.apply(
                    [
                        _object(f"{GATEWAY_API}/v1", "GatewayClass", "", "istio", controller),
                        _object("kuadrant.io/v1beta1", "Kuadrant", NAMESPACE, "kuadrant", {}),
                    ]
                )
                await found.ready()
                yield found
        finally:
            for task in followers:
                task.cancel()
            await asyncio.gather(*followers, return_exceptions=True)
            if found is not None:
                found.operator.stop()
                found.ratelimit.stop()
            cluster.stop()


async def scale(size: int, gateways: int, edits: int, *, profile: bool) -> dict[str, float]:
    """Policies and routes, each with a policy, spread over gateways."""
    figures: dict[str, float] = {}
    async with bench(profile=profile) as one:
        await one.apply(gateway(f"gw-{number}", [listener()]) for number in range(gateways))
        mark = one.cluster.mark()
        took = await one.apply(route(number, {"name": f"gw-{number % gateways}"}) for number in range(size))
        took += await one.apply(policy(number) for number in range(size))
        figures["applied s"] = took
        figures["enforced s"] = await one.until(lambda: one.enforced() == size, "all are enforced")
        await one.quiet()
        figures["CPU until then s"] = one.operator.cpu()
        figures["writes per policy"] = len(one.cluster.writes(mark).get("operator", ())) / size
        figures["RSS MiB"], figures["RSS at most MiB"] = one.operator.memory()
        figures["largest KiB"] = await one.largest()

        if edits:
            found = [await _edit(one, number) for number in range(edits)]
            latencies, held, cpu, writes = zip(*found, strict=True)
            figures["edit ms"] = statistics.median(latencies) * 1000
            figures["edit at most ms"] = max(latencies) * 1000
            figures["limits held after ms"] = statistics.median(held) * 1000
            figures["edit CPU ms"] = statistics.median(cpu) * 1000
            figures["edit writes"] = max(writes)

        one.operator.stop()
        await one.apply([policy(0, "while-it-was-away")])
        began = time.monotonic()
        one.start_operator()
        await one.ready()
        figures["restart known s"] = time.monotonic() - began
        await one.until(lambda: one.enforced() == size, "all are enforced after the restart")
        figures["restart s"] = time.monotonic() - began
    return figures


def text_of(spec: dict[str, Any]) -> str:
    """What a WasmPlugin has its gateway do."""
    return unpacked(json.dumps(spec["pluginConfig"]).encode()).decode()


def limits_of(spec: dict[str, Any]) -> tuple[Limit, ...]:
    """The limits of a Limitador resource."""
    raw = msgspec.Raw(msgspec.json.encode(spec["limits"]))
    return limit_packing.limits_of(LimitadorSpec(raw, tuple(spec.get("packedLimits", ())))).limits


async def _edit(one: Bench, number: int) -> tuple[float, float, float, int]:
    """Change condition and limit of one policy.

    Returns the seconds until both are in every object, those from when the Limitador had the limit until the
    rate limit service said that it holds it, and the operator's CPU seconds and writes for all of it.
    """
    tenant, most = f"edited-{secrets.token_hex(4)}", 1000 + number
    mark, cpu = one.cluster.mark(), one.operator.cpu()
    without: set[str] = set()
    limited = held = 0.0

    def everywhere() -> bool:
        nonlocal limited, held
        for entry in one.plugins.entries.values():
            version = entry.resource_version
            if version not in without and tenant not in text_of(entry.object["spec"]):
                without.add(version)
        (limitador,) = (entry.object for entry in one.limitadors.entries.values())
        if not limited and any(limit.max_value == most for limit in limits_of(limitador["spec"])):
            limited = time.monotonic()
        observed = limitador.get("status", {}).get("observedGeneration", 0)
        if limited and not held and observed == limitador["metadata"]["generation"]:
            held = time.monotonic()
        with_it = any(entry.resource_version not in without for entry in one.plugins.entries.values())
        return bool(with_it and limited)

    began = time.monotonic()
    await one.apply([policy(number, tenant, most)])
    await one.until(everywhere, "an edit is in every object", 30)
    latency = time.monotonic() - began
    await one.until(lambda: bool(everywhere() and held), "its limit is held", 30)
    await one.until(lambda: one.enforced() == len(one.policies.entries), "an edit is enforced", 30)
    await one.quiet(1.0)
    writes = len(one.cluster.writes(mark).get("operator", ()))
    return latency, held - limited, one.operator.cpu() - cpu, writes


async def listeners(count: int, *, profile: bool) -> dict[str, float]:
    """One gateway with many listeners, a policy on each, and routes with and without a section name."""
    figures: dict[str, float] = {}
    async with bench(profile=profile) as one:
        names = [f"l{number}" for number in range(count)]
        await one.apply([gateway("gw-0", [listener(name, f"*.{name}.example.com") for name in names])])
        await one.apply(
            route(
                number,
                {"name": "gw-0", **({"sectionName": name} if number % 2 else {})},
                hostname=f"app.{name}.example.com",
            )
            for number, name in enumerate(names)
        )
        target = {"group": GATEWAY_API, "kind": "Gateway", "name": "gw-0"}
        await one.apply(
            _policy("gateways", f"policy-{name}", {**target, "sectionName": name}, name) for name in names
        )
        figures["enforced s"] = await one.until(lambda: one.enforced() == count, "all are enforced")
        await one.quiet(2.0)
        mark = one.cluster.mark()
        await asyncio.sleep(10)
        figures["writes in 10 s at rest"] = len(one.cluster.writes(mark).get("operator", ()))
    return figures


def show(title: str, figures: dict[str, float]) -> None:
    print(title, flush=True)
    for name, value in figures.items():
        print(f"  {name:<24} {value:10.2f}", flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--gateways", type=int, nargs="*", default=[1, 10])
    parser.add_argument("--edits", type=int, default=10)
    parser.add_argument("--listeners", type=int, default=63)
    parser.add_argument("--profile", action="store_true", help="write operator-*.prof (cProfile); slower")
    given = parser.parse_args()
    for gateways in given.gateways:
        found = {}
        for size in given.sizes:
            found[size] = await scale(size, gateways, given.edits, profile=given.profile)
            show(f"{size} routes and policies, {gateways} gateway{'s' if gateways > 1 else ''}", found[size])
        if len(found) > 1:
            least, most = found[min(found)], found[max(found)]
            show(
                f"growth from {min(found)} to {max(found)}",
                {name: most[name] / least[name] for name in most if least[name]},
            )
    if given.listeners:
        show(f"{given.listeners} listeners", await listeners(given.listeners, profile=given.profile))


if __name__ == "__main__":
    asyncio.run(main())
