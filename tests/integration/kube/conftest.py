"""A real API server and etcd on loopback, with a relay in between whose connections can be cut."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from lightkube.config.kubeconfig import KubeConfig
from msgspec import Struct

from kuadrant.kube.client import Access
from kuadrant.kube.kind import Kind
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store, Table
from lab.programs import BuildError, build, path_of
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

TOKEN = secrets.token_hex(16)
NOBODY = secrets.token_hex(16)


class Metadata(Struct, frozen=True, gc=False):
    name: str
    namespace: str = ""
    annotations: dict[str, str] | None = None


class Spec(Struct, frozen=True, gc=False):
    value: int = 0


class Thing(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: Spec = Spec()


MANAGERS = ("test-a", "test-b")
THINGS: Kind[Thing] = Kind("example.com", "v1", "things", "Thing", Thing, managers=MANAGERS)
DEFINITIONS: Kind[dict[str, Any]] = Kind(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    dict,
    namespaced=False,
)


def definition(plural: str = "things", name: str = "Thing") -> dict[str, Any]:
    condition = {"type": "object", "properties": {"type": {"type": "string"}, "status": {"type": "string"}}}
    conditions = {
        "type": "array",
        "items": {**condition, "required": ["type"]},
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }
    spec = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    status = {"type": "object", "properties": {"conditions": conditions}}
    schema = {"type": "object", "properties": {"spec": spec, "status": status}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": name.lower(), "kind": name},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


def _wait(condition: Callable[[], bool], what: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"{what} did not become ready:\n{log.read_text()[-3000:]}")
        time.sleep(0.05)


class Cluster:
    """etcd and kube-apiserver as processes of this test run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._etcd_port, self.port = free_port(), free_port()
        self._peer_port = free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.url = f"https://127.0.0.1:{self.port}"
        self.options: tuple[str, ...] = ()
        (folder / "tokens.csv").write_text(
            f"{TOKEN},admin,admin,system:masters\n{NOBODY},nobody,nobody,strangers\n"
        )
        key = folder / "accounts.key"
        _openssl("genrsa", "-out", str(key), "2048")
        subject = ["-newkey", "rsa:2048", "-noenc", "-days", "2"]
        _openssl(
            "req",
            "-x509",
            *subject,
            "-keyout",
            f"{folder}/ca.key",
            "-out",
            f"{folder}/ca.crt",
            "-subj",
            "/CN=ca",
        )
        _openssl(
            *("req", "-x509", *subject, "-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key"),
            *(
                "-keyout",
                f"{folder}/admin.key",
                "-out",
                f"{folder}/admin.crt",
                "-subj",
                "/O=system:masters/CN=by-certificate",
            ),
            *("-addext", "extendedKeyUsage=clientAuth", "-addext", "basicConstraints=CA:FALSE"),
        )

    @property
    def folder(self) -> Path:
        return self._folder

    def start(self) -> None:
        client = f"http://127.0.0.1:{self._etcd_port}"
        self._start(
            "etcd",
            f"--data-dir={self._folder}/etcd",
            "--log-level=warn",
            "--unsafe-no-fsync",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls=http://127.0.0.1:{self._peer_port}",
        )
        self.start_api_server()

    def start_api_server(self) -> None:
        key = f"{self._folder}/accounts.key"
        process, log = self._start(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={self.port}",
            f"--cert-dir={self._folder}/certificates",
            f"--client-ca-file={self._folder}/ca.crt",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--token-auth-file={self._folder}/tokens.csv",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--etcd-compaction-interval=0",
            "--shutdown-delay-duration=0s",
            *self.options,
        )
        with httpx2.Client(
            base_url=self.url, verify=False, headers={"authorization": f"Bearer {TOKEN}"}
        ) as http:

            def ready() -> bool:
                with suppress(httpx2.HTTPError):
                    return http.get("/readyz").status_code == 200
                return False

            _wait(ready, "kube-apiserver", process, log)

    def stop_api_server(self, *, kill: bool = False) -> None:
        process = self._processes.pop("kube-apiserver")
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def compact(self) -> None:
        """Forget every version before the present one, in etcd."""
        with httpx2.Client(base_url=f"http://127.0.0.1:{self._etcd_port}") as etcd:
            found = etcd.post("/v3/kv/range", json={"key": "AA=="}).json()
            revision = found["header"]["revision"]
            answer = etcd.post("/v3/kv/compaction", json={"revision": revision, "physical": True})
            assert answer.status_code == 200, answer.text

    def stop(self) -> None:
        for name in ("kube-apiserver", "etcd"):
            process = self._processes.pop(name, None)
            if process is not None:
                process.kill()
                process.wait(10)

    def memory(self) -> int:
        """Resident bytes of the API server."""
        status = Path(f"/proc/{self._processes['kube-apiserver'].pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def _start(self, name: str, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
        log = self._folder / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen([path_of(name), *arguments], stdout=output, stderr=output)
        self._processes[name] = process
        return process, log


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


class Relay:
    """Forwards TCP to the API server; what goes through it can be cut, and it can refuse to connect."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._pairs: set[asyncio.StreamWriter] = set()
        self.connected = 0
        self.open = True

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._pairs):
            writer.transport.abort()

    async def stop(self) -> None:
        self._server.close()
        self.cut()
        await asyncio.sleep(0)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.transport.abort()
            return
        try:
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        self.connected += 1
        self._pairs |= {writer, upstream}
        try:
            await asyncio.gather(self._copy(reader, upstream), self._copy(upstream_reader, writer))
        finally:
            self._pairs -= {writer, upstream}

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()


class Following:
    """A follower that runs against the cluster through the relay."""

    def __init__(self, kind: Kind[Any], client: httpx2.AsyncClient, relay: Relay) -> None:
        self.store = Store()
        self.table: Table[Any] = self.store.add(kind)
        self.follower = Follower(kind, self.store, client)
        self.relay = relay
        self.requests: list[dict[str, str]] = []
        client.event_hooks["request"].append(self._count)
        self._task = asyncio.create_task(self.follower.run())

    async def _count(self, request: httpx2.Request) -> None:
        self.requests.append(dict(request.url.params))

    @property
    def lists(self) -> int:
        return sum("resourceVersion" not in parameters for parameters in self.requests)

    async def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what is waited for is in another process
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Api:
    """What a test does to the cluster, past the relay."""

    def __init__(self, client: httpx2.AsyncClient, namespace: str) -> None:
        self.client = client
        self.namespace = namespace

    async def send(self, method: str, path: str, **arguments: Any) -> httpx2.Response:
        """Send, again and again while the server is about to be ready."""
        async with asyncio.timeout(30):
            while (answer := await self.client.request(method, path, **arguments)).status_code in {429, 503}:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert answer.status_code in {200, 201}, answer.text
        return answer

    async def put(
        self, name: str, spec: dict[str, Any], manager: str = "somebody", **metadata: Any
    ) -> dict[str, Any]:
        body = {
            "apiVersion": "example.com/v1",
            "kind": "Thing",
            "metadata": {"name": name, "namespace": self.namespace, **metadata},
            "spec": spec,
        }
        answer = await self.send(
            "PATCH",
            THINGS.path((self.namespace, name)),
            params={"fieldManager": manager, "force": "true"},
            content=json.dumps(body),
            headers={"content-type": "application/apply-patch+yaml"},
        )
        result: dict[str, Any] = answer.json()
        return result

    async def get(self, name: str) -> dict[str, Any]:
        result: dict[str, Any] = (await self.send("GET", THINGS.path((self.namespace, name)))).json()
        return result

    async def delete(self, name: str) -> None:
        await self.send("DELETE", THINGS.path((self.namespace, name)))

    async def delete_all(self) -> None:
        await self.send("DELETE", THINGS.collection(self.namespace))

    async def versions(self) -> dict[tuple[str, str], str]:
        """What is there: the version of every object in all namespaces."""
        items = (await self.send("GET", THINGS.path())).json()["items"]
        return {
            (item["metadata"]["namespace"], item["metadata"]["name"]): item["metadata"]["resourceVersion"]
            for item in items
        }

    async def define(self, content: dict[str, Any]) -> None:
        path = f"{DEFINITIONS.path()}/{content['metadata']['name']}"
        answer = await self.client.patch(
            path,
            params={"fieldManager": "test", "force": "true"},
            content=json.dumps(content),
            headers={"content-type": "application/apply-patch+yaml"},
        )
        assert answer.status_code in {200, 201}, answer.text
        plural = content["spec"]["names"]["plural"]
        async with asyncio.timeout(30):
            while (await self.client.get(f"/apis/example.com/v1/{plural}")).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def undefine(self, plural: str) -> None:
        await self.client.delete(f"{DEFINITIONS.path()}/{plural}.example.com")


def access(url: str, token: str) -> Access:
    config = KubeConfig.from_dict(
        {
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
    ).get()
    assert config is not None
    return Access("test", url, "default", config)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if shutil.which("openssl") is None:
        pytest.fail("the real API server needs openssl")
    try:
        build(["etcd", "kube-apiserver"])
    except BuildError as error:
        pytest.fail(f"the API server cannot be built: {error}")
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
async def api(cluster: Cluster) -> AsyncIterator[Api]:
    async with access(cluster.url, TOKEN).connect(timeout=60) as client:
        api = Api(client, f"test-{secrets.token_hex(4)}")
        await api.define(definition())
        answer = await client.post("/api/v1/namespaces", json={"metadata": {"name": api.namespace}})
        assert answer.status_code == 201, answer.text
        yield api
        await api.delete_all()


@pytest.fixture
async def relay(cluster: Cluster) -> AsyncIterator[tuple[Relay, str]]:
    relay = Relay(cluster.port)
    port = await relay.start()
    yield relay, f"https://127.0.0.1:{port}"
    await relay.stop()


@pytest.fixture
async def follow(relay: tuple[Relay, str]) -> AsyncIterator[Callable[..., Following]]:
    """Starts to follow a kind (things) with a token (the admin's)."""
    running: list[tuple[Following, httpx2.AsyncClient]] = []

    def start(kind: Kind[Any] = THINGS, token: str = TOKEN) -> Following:
        client = access(relay[1], token).connect()
        following = Following(kind, client, relay[0])
        running.append((following, client))
        return following

    yield start
    for following, client in running:
        await following.stop()
        await client.aclose()
