"""`kuadrant console` on a real API server: it shows what its user may see, and not a word more."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import httpx2
import pytest
import yaml

from tests.browser import Visit, browsing
from tests.integration.config.conftest import GATEWAY_API, Server
from tests.integration.config.conftest import server as server  # noqa: PLC0414 - a fixture
from tests.integration.kube.conftest import NOBODY, TOKEN
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RBAC = "rbac.authorization.k8s.io/v1"


def gateway(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{GATEWAY_API}/v1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": namespace},
        "spec": {
            "gatewayClassName": "istio",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    }


def route(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{GATEWAY_API}/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "toys", "namespace": namespace},
        "spec": {
            "parentRefs": [{"name": "gw"}],
            "hostnames": [f"{namespace}.example.com"],
            "rules": [{"backendRefs": [{"name": "toys", "port": 80}]}],
        },
    }


def policy(namespace: str, limit: int) -> dict[str, Any]:
    return {
        "apiVersion": "kuadrant.io/v1",
        "kind": "RateLimitPolicy",
        "metadata": {"name": "toys", "namespace": namespace},
        "spec": {
            "targetRef": {"group": GATEWAY_API, "kind": "HTTPRoute", "name": "toys"},
            "limits": {f"of-{namespace}": {"rates": [{"limit": limit, "window": "10s"}]}},
        },
    }


def role(namespace: str) -> tuple[dict[str, Any], dict[str, Any]]:
    verbs = ["get", "list", "watch"]
    rules = [
        {"apiGroups": [GATEWAY_API], "resources": ["gateways", "httproutes", "grpcroutes"], "verbs": verbs},
        {"apiGroups": ["kuadrant.io"], "resources": ["ratelimitpolicies"], "verbs": verbs},
    ]
    metadata = {"name": "reader", "namespace": namespace}
    subject = {"kind": "User", "name": "nobody", "apiGroup": "rbac.authorization.k8s.io"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    return (
        {"apiVersion": RBAC, "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": RBAC,
            "kind": "RoleBinding",
            "metadata": metadata,
            "subjects": [subject],
            "roleRef": reference,
        },
    )


def apply(server: Server, namespace: str, plural: str, document: dict[str, Any]) -> None:
    path = f"{document['apiVersion']}/namespaces/{namespace}/{plural}"
    server.apply(path, document).raise_for_status()


@pytest.fixture(scope="module")
def tenants(server: Server) -> Server:
    for namespace in ("acme", "umbrella"):
        server.http.post("/api/v1/namespaces", json={"metadata": {"name": namespace}}).raise_for_status()
        apply(server, namespace, "gateways", gateway(namespace))
        apply(server, namespace, "httproutes", route(namespace))
        apply(server, namespace, "ratelimitpolicies", policy(namespace, 5))
    may, has = role("acme")
    apply(server, "acme", "roles", may)
    apply(server, "acme", "rolebindings", has)
    return server


class Console:
    """A running `kuadrant console`."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http
        self.url = str(http.base_url).rstrip("/") + "/"

    def page(self, path: str, **fields: str) -> Any:
        return self._http.get(f"/api/{path}", headers=fields).json()

    def until(self, path: str, holds: Callable[[Any], bool]) -> Any:
        """The page, as soon as something holds of it."""
        end = time.monotonic() + 30
        while not holds(told := self.page(path)):
            assert time.monotonic() < end, told
            time.sleep(0.02)
        return told

    def everything(self) -> str:
        """All that can be read there."""
        tried = base64.b64encode(b'{"url": "acme.example.com/"}').decode()
        paths = ("now", "topology", "policies", "policy?name=umbrella/toys", "limits", "modules")
        pages = [self.page(path) for path in paths[:3]]
        pages += [self.page("topology?q=umbrella")["routes"], *(self.page(path) for path in paths[4:])]
        pages.append(self.page("try", **{"x-kuadrant-try": tried})["explanation"]["hosts"])
        return json.dumps(pages)


@contextmanager
def console(folder: Path, server: Server, token: str) -> Iterator[Console]:
    context = {"cluster": "c", "user": "u", "namespace": "acme"}
    config = {
        "clusters": [
            {"name": "c", "cluster": {"server": str(server.http.base_url), "insecure-skip-tls-verify": True}}
        ],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": context}],
        "current-context": "x",
    }
    (folder / "config").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "kuadrant", "console", "--kubeconfig", str(folder / "config")]
    port = free_port()
    process = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert f"http://127.0.0.1:{port}" in first
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
            yield Console(http)
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_who_may_see_one_namespace_sees_it_and_nothing_else(tmp_path: Path, tenants: Server) -> None:
    with console(tmp_path, tenants, NOBODY) as seen:
        told = seen.until("policies", lambda page: page["policies"])
        assert [one["policy"] for one in told["policies"]] == ["acme/toys"]
        assert seen.page("policy?name=acme/toys")["rules"][0]["limits"][0]["words"] == "of-acme: 5 in 10 s"
        assert "problem" in seen.page("policy?name=umbrella/toys")
        assert "umbrella" not in seen.everything().replace('"query": "umbrella"', "")
        assert any("Only the namespace acme is looked at" in note for note in seen.page("now")["notes"])
        limits = seen.page("limits")
        assert limits["scopes"] == []
        assert "forbidden" in limits["problem"].lower()


def test_who_may_see_all_sees_all_and_an_edit_at_once(tmp_path: Path, tenants: Server) -> None:
    with console(tmp_path, tenants, TOKEN) as seen:
        told = seen.until("policies", lambda page: len(page["policies"]) == 2)
        assert [one["policy"] for one in told["policies"]] == ["acme/toys", "umbrella/toys"]
        apply(tenants, "umbrella", "ratelimitpolicies", policy("umbrella", 9))
        began = time.monotonic()
        told = seen.until("policy?name=umbrella/toys", lambda page: "9 in 10 s" in json.dumps(page["rules"]))
        assert time.monotonic() - began < 1
        assert "was 5 in 10 s" in json.dumps(told["edits"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_view_of_it_is_whole_in_a_browser(
    tmp_path: Path, tenants: Server, scheme: Literal["light", "dark"]
) -> None:
    with console(tmp_path, tenants, NOBODY) as seen, browsing() as browser:
        seen.until("policies", lambda page: page["policies"])
        visit = Visit(browser, seen.url, scheme=scheme)
        for view in ("now", "topology", "policy", "policy?name=acme/toys", "limits", "try", "modules"):
            page = visit.open(view)
            assert visit.grave() == [], view
            assert "umbrella" not in page.content(), view
        visit.close()


def test_an_edit_in_the_cluster_is_on_the_page_within_a_second(tmp_path: Path, tenants: Server) -> None:
    with console(tmp_path, tenants, TOKEN) as seen, browsing() as browser:
        seen.until("policies", lambda page: len(page["policies"]) == 2)
        visit = Visit(browser, seen.url)
        page = visit.open("policy?name=acme/toys")
        page.get_by_text("of-acme: 5 in 10 s").first.wait_for()
        apply(tenants, "acme", "ratelimitpolicies", policy("acme", 7))
        began = time.monotonic()
        page.get_by_text("of-acme: 7 in 10 s").first.wait_for()
        assert time.monotonic() - began < 1
        visit.close()
