"""Reaching a real API server with each kind of credentials."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kuadrant.kube.client import RequestError, find_access, get

from .conftest import TOKEN, access

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Cluster

PLUGIN = """
import json, os
assert json.loads(os.environ["KUBERNETES_EXEC_INFO"])["kind"] == "ExecCredential"
status = {"token": open("token").read()}
print(json.dumps({"apiVersion": os.environ["VERSION"], "kind": "ExecCredential", "status": status}))
"""


def kubeconfig(folder: Path, cluster: Cluster, user: dict[str, Any]) -> str:
    content = {
        "current-context": "test",
        "clusters": [
            {
                "name": "test",
                "cluster": {
                    "server": cluster.url,
                    "certificate-authority": f"{cluster.folder}/certificates/apiserver.crt",
                },
            }
        ],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return str(path)


async def name_of(path: str) -> str:
    """Who the API server takes us for."""
    async with find_access(path).connect() as client:
        answer = await client.post(
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            json={"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
        )
        assert answer.status_code == 201, answer.text
        name: str = answer.json()["status"]["userInfo"]["username"]
        return name


async def test_a_token(tmp_path: Path, cluster: Cluster) -> None:
    assert await name_of(kubeconfig(tmp_path, cluster, {"token": TOKEN})) == "admin"


async def test_a_client_certificate(tmp_path: Path, cluster: Cluster) -> None:
    user = {"client-certificate": f"{cluster.folder}/admin.crt", "client-key": f"{cluster.folder}/admin.key"}
    assert await name_of(kubeconfig(tmp_path, cluster, user)) == "by-certificate"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_credential_plugin_is_run_again_when_its_token_is_refused(
    tmp_path: Path, cluster: Cluster, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text("expired")
    plugin = {
        "apiVersion": f"client.authentication.k8s.io/{version}",
        "command": sys.executable,
        "args": ["-c", PLUGIN],
        "env": [{"name": "VERSION", "value": f"client.authentication.k8s.io/{version}"}],
    }
    async with find_access(kubeconfig(tmp_path, cluster, {"exec": plugin})).connect() as client:
        assert (await client.get("/api/v1/namespaces")).status_code == 401
        (tmp_path / "token").write_text(TOKEN)
        assert (await client.get("/api/v1/namespaces")).status_code == 200


async def test_a_token_in_a_file_is_read_again_when_it_is_refused(tmp_path: Path, cluster: Cluster) -> None:
    (tmp_path / "token").write_text("expired")
    async with find_access(kubeconfig(tmp_path, cluster, {"tokenFile": "token"})).connect() as client:
        assert (await client.get("/api/v1/namespaces")).status_code == 401
        (tmp_path / "token").write_text(TOKEN)
        assert (await client.get("/api/v1/namespaces")).status_code == 200


async def test_who_may_not_ask_is_told(cluster: Cluster) -> None:
    async with access(cluster.url, "wrong").connect() as client:
        with pytest.raises(RequestError, match="GET /version: 401"):
            await get(client, "/version")
