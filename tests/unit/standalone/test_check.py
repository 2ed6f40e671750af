"""What is found in files, with the module that they are for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kuadrant.gateways import envoy
from kuadrant.standalone.check import check
from kuadrant.standalone.folder_files import File
from kuadrant.standalone.plan import Before, Plan, plan
from kuadrant.standalone.translate import surroundings
from kuadrant.wasm.catalogue import current
from kuadrant.wasm.module import Module
from tests.listener_certificates import NOW
from tests.unit.findings.checked import CASES, GATEWAY, SERVICE

if TYPE_CHECKING:
    from pathlib import Path

    from kuadrant.standalone.plan import Mistakes

MODULE = Module("shim", b"\0asm", dialects=("kuadrant-v1",))
OFFICIAL = Module("wasm-shim", b"\0asm", version="v0.4.0", dialects=("rate-limit-policies",))
ROUTES = frozenset(
    {
        "no-parent",
        "no-matching-parent",
        "not-allowed-by-listeners",
        "no-matching-listener-hostname",
        "ref-not-permitted",
        "certificate-invalid",
        "client-certificates",
    }
)
"""Mistakes about routes and certificates, of which `kuadrant run` serves what is right."""


def planned(path: Path, module: Module = MODULE) -> Plan | Mistakes:
    return plan([File(path.name, path.read_text())], surroundings(module), Before(), NOW)


def test_what_a_module_cannot_be_told_is_a_mistake() -> None:
    for module, expected in ((MODULE, False), (OFFICIAL, True)):
        told = check([str(CASES / "counter-on-absent-header.yaml")], surroundings(module)).findings
        assert any(one.code == "unsupported" and one.severity == "error" for one in told) is expected


def test_a_run_does_not_take_what_has_mistakes_but_those_of_routes() -> None:
    """`kuadrant run` and `kuadrant check` say the same of the same documents."""
    for path in sorted(CASES.glob("*.yaml")):
        told = check([str(path)], surroundings(MODULE)).findings
        mistakes = [one for one in told if one.severity == "error" and one.code not in ROUTES]
        result = planned(path)
        if isinstance(result, Plan):
            assert not mistakes, path.name
            assert [(one.code, one.line) for one in result.findings()] == [
                (one.code, one.line) for one in told
            ], path.name
        else:
            assert [(one.code, one.line) for one in result.problems if one.severity == "error"] == [
                (one.code, one.line) for one in mistakes
            ], path.name


def test_listeners_for_which_no_port_is_left_are_told() -> None:
    other = GATEWAY.replace("name: gw", "name: other")
    files = [File(f"{n}.yaml", text) for n, text in enumerate((GATEWAY, other, SERVICE))]
    settings = surroundings(MODULE)
    result = plan(files, settings, Before(), NOW)
    assert isinstance(result, Plan)
    full = Plan(
        folder=result.folder,
        target=result.target,
        compilation=result.compilation,
        addresses={("default/gw", 80): envoy.Address("127.0.0.1", 65535)},
        certificates=envoy.NO_CERTIFICATES,
        authentication=envoy.NO_AUTHENTICATION,
    )
    (one,) = [one for one in full.findings() if one.code == "listener-not-served"]
    assert (one.file, one.field) == ("1.yaml", "spec.listeners[0].port")
    assert one.message == "is not served: no address is set aside for port 80"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    checked = check([str(tmp_path / "pipe.yaml")], surroundings(MODULE))
    assert not checked.is_read
    assert checked.findings[0].message == "is not a regular file"


def test_tokens_that_nothing_authenticates_are_told_as_a_run_tells_them(tmp_path: Path) -> None:
    asks = GATEWAY.replace(
        "namespace: default}", "namespace: default, annotations: {kuadrant.io/identity: %s}}"
    )

    def told(source: str) -> list[str]:
        file = tmp_path / "all.yaml"
        file.write_text(asks.replace("%s", source))
        found = check([str(file)], surroundings(MODULE)).findings
        return [one.code for one in found if one.code == "identity-of-nobody"]

    assert told("jwt") == ["identity-of-nobody"]
    # Those are checked in clusters, for which documents without a RequestAuthentication are.
    for elsewhere in ("jwt:keycloak", '"header:x-user"', "mtls", "none"):
        assert told(elsewhere) == []


PER_USER = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: default, annotations: {kuadrant.io/identity: "jwt:keycloak"}}
spec:
  gatewayClassName: envoy-gateway
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: toys, namespace: default}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: app, port: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: app, namespace: default}
spec: {ports: [{port: 80}]}
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: per-user, namespace: default}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toys}
  limits:
    per-user:
      rates: [{limit: 5, window: 10s}]
      when: [{predicate: has(auth.identity.sub)}]
      counters: [{expression: auth.identity.sub}]
"""
SECURITY_POLICY = """---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: users, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  jwt: {providers: [{name: keycloak, issuer: https://issuer.example}]}
"""


def test_providers_of_envoy_gateway_are_looked_for(tmp_path: Path) -> None:

    def told(more: str) -> list[str]:
        file = tmp_path / "all.yaml"
        file.write_text(PER_USER + more)
        return [one.code for one in check([str(file)], surroundings(current(None))).findings]

    assert told("") == ["identity-not-authenticated"]
    assert told(SECURITY_POLICY) == ["authentication-not-carried-out"]
