"""Where the way to the API server is found, and what is said when it is not."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import yaml

from kuadrant.kube import client as client_module
from kuadrant.kube.client import AbsentError, ConfigurationError, RequestError, find_access, get
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store

from .http_server import Request, Response, serve
from .scripted import THINGS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No kubeconfig, no home, no pod."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def config(
    path: Path, *, server: str = "http://127.0.0.1:1", user: dict[str, Any] | None = None, **more: Any
) -> str:
    content = {
        "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "ns"}},
            {"name": "two", "context": {"cluster": "c", "user": "u"}},
        ],
        **more,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    return str(path)


class TestOrder:
    def test_the_named_file_comes_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KUBECONFIG", config(tmp_path / "b", server="http://b"))
        access = find_access(config(tmp_path / "a", server="http://a"))
        assert (access.server, access.namespace, access.source) == ("http://a", "ns", str(tmp_path / "a"))

    def test_then_what_the_environment_names_even_in_a_pod(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.pod(tmp_path, monkeypatch)
        monkeypatch.setenv("KUBECONFIG", config(tmp_path / "b", server="http://b"))
        assert find_access().server == "http://b"

    def test_then_the_service_account_of_the_pod(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.pod(tmp_path, monkeypatch)
        config(tmp_path / "home/.kube/config")
        access = find_access()
        assert (access.server, access.namespace, access.source) == (
            "https://[fd00::1]:443",
            "pod-namespace",
            "the pod's service account",
        )

    def test_then_the_file_at_home(self, tmp_path: Path) -> None:
        config(tmp_path / "home/.kube/config", server="http://home")
        assert find_access().server == "http://home"

    def test_another_context_can_be_chosen(self, tmp_path: Path) -> None:
        assert find_access(config(tmp_path / "a"), "two").namespace == "default"

    @staticmethod
    def pod(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        account = folder / "account"
        account.mkdir()
        for name, text in {"token": "t", "namespace": "pod-namespace", "ca.crt": ""}.items():
            (account / name).write_text(text)
        monkeypatch.setattr(client_module, "SERVICE_ACCOUNT", str(account))
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")


class TestMistakes:
    def test_nothing_at_all(self) -> None:
        with pytest.raises(ConfigurationError, match=r"no kubeconfig at .*set KUBECONFIG or --kubeconfig"):
            find_access()

    def test_a_file_that_is_not_there(self) -> None:
        with pytest.raises(ConfigurationError, match=r"there is no kubeconfig at /nonexistent$"):
            find_access("/nonexistent")

    def test_several_files(self) -> None:
        with pytest.raises(ConfigurationError, match="kubectl config view --flatten"):
            find_access("/a:/b")

    @pytest.mark.parametrize(
        "text",
        ["", "[]", "a: [", "5", "clusters: 5", "current-context: x", "clusters: []\ncontexts: []", "\x00"],
    )
    def test_a_file_that_is_no_kubeconfig(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "a").write_text(text)
        with pytest.raises(ConfigurationError, match=str(tmp_path)) as raised:
            find_access(str(tmp_path / "a"))
        # A line for people, not the engine's words for what went wrong inside.
        assert "\n" not in str(raised.value)
        assert "object" not in str(raised.value)

    def test_a_context_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="Context 'three' not found"):
            find_access(config(tmp_path / "a"), "three")

    def test_a_context_whose_user_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="'u' is missing or is named but not defined"):
            find_access(config(tmp_path / "a", users=[]))

    def test_a_plugin_of_an_unknown_protocol(self, tmp_path: Path) -> None:
        user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "x"}}
        with pytest.raises(ConfigurationError, match=r"must be one of .*/v1, .*/v1beta1"):
            find_access(config(tmp_path / "a", user=user))

    @pytest.mark.parametrize(
        "user",
        [
            {"client-certificate": "missing.crt", "client-key": "missing.key"},
            {"client-certificate-data": "bm8=", "client-key-data": "bm8="},
            {"client-certificate-data": "###", "client-key-data": "bm8="},
            {"auth-provider": {"name": "gcp"}},
        ],
    )
    async def test_credentials_that_cannot_be_used(self, tmp_path: Path, user: dict[str, Any]) -> None:
        access = find_access(config(tmp_path / "a", user=user))
        with pytest.raises(ConfigurationError, match="certificates or credentials"):
            access.connect()


class TestPlugin:
    @pytest.mark.parametrize(
        ("script", "problem"),
        [
            ("raise SystemExit('log in first')", "ended with 1: log in first"),
            ("print('{}')", "gave no token"),
            ("print('no json')", "gave no token"),
        ],
    )
    async def test_what_it_says_is_the_problem_and_following_goes_on(
        self, tmp_path: Path, script: str, problem: str
    ) -> None:
        plugin = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": ["-c", script],
        }
        async with find_access(config(tmp_path / "a", user={"exec": plugin})).connect() as client:
            with pytest.raises(RequestError, match=problem):
                await get(client, "/version")

    async def test_a_plugin_that_is_not_there(self, tmp_path: Path) -> None:
        plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./missing"}
        async with find_access(config(tmp_path / "a", user={"exec": plugin})).connect() as client:
            with pytest.raises(RequestError, match=r"missing"):
                await get(client, "/version")

    async def test_a_plugin_that_fails_does_not_end_following(self, tmp_path: Path) -> None:
        plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/nonexistent"}
        async with find_access(config(tmp_path / "a", user={"exec": plugin})).connect() as client:
            store = Store()
            store.add(THINGS)
            follower = Follower(THINGS, store, client)
            task = asyncio.create_task(follower.run())
            async with asyncio.timeout(10):
                while follower.status.problem is None:  # noqa: ASYNC110 - nothing else tells
                    await asyncio.sleep(0.002)
            assert "/nonexistent" in follower.status.problem
            assert not task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def test_it_is_run_once_for_requests_at_once_and_again_when_its_token_is_refused(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "runs").write_text("")
        script = "import json; f = open('runs', 'a+'); f.write('x'); f.seek(0); n = len(f.read()); "
        script += "print(json.dumps({'status': {'token': f'token-{n}'}}))"
        plugin = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./plugin",
            "args": [script],
        }
        (tmp_path / "plugin").write_text(f'#!/bin/sh\ncd "{tmp_path}" && exec "{sys.executable}" -c "$1"\n')
        (tmp_path / "plugin").chmod(0o755)
        seen: list[str] = []
        valid = "token-1"

        async def handle(request: Request, response: Response) -> None:
            seen.append(request.headers["authorization"])
            accepted = request.headers["authorization"] == f"Bearer {valid}"
            await response.json(200 if accepted else 401, {})

        async with serve(handle) as address:
            path = config(tmp_path / "a", server=address, user={"exec": plugin})
            async with find_access(path).connect() as client:
                assert {*await asyncio.gather(*(get(client, "/version") for _ in range(5)))} == {b"{}"}
                assert set(seen) == {"Bearer token-1"}
                valid = "token-2"
                await get(client, "/version")
        assert (tmp_path / "runs").read_text() == "xx"


class TestQuestions:
    async def test_nobody_there_is_told(self) -> None:
        async with httpx2.AsyncClient(base_url="http://127.0.0.1:9") as client:
            with pytest.raises(RequestError, match="GET /version: ConnectError"):
                await get(client, "/version")

    async def test_a_failure_is_not_taken_for_absence(self) -> None:
        async def handle(_: Request, response: Response) -> None:
            await response.json(503, b"not now")

        async with serve(handle) as address, httpx2.AsyncClient(base_url=address) as client:
            with pytest.raises(RequestError, match="503 not now") as raised:
                await get(client, "/version")
        assert not isinstance(raised.value, AbsentError)
