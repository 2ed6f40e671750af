"""Documents checked as `kuadrant check` does it, without files."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from kuadrant.api import documents
from kuadrant.compiler import compile_gateways, identities
from kuadrant.findings import findings
from kuadrant.gateways.envoy import authentication, certificates
from tests.listener_certificates import NOW

if TYPE_CHECKING:
    from kuadrant.findings import Finding

CASES = Path(__file__).parent / "cases"
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: default}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: app, namespace: default}
spec: {ports: [{port: 80}]}
"""


def found(*texts: str) -> tuple[Finding, ...]:
    """What is found in documents."""
    folder = documents.read(
        (f"{number}.yaml", textwrap.dedent(text).lstrip("\n")) for number, text in enumerate(texts)
    )
    shown = certificates(folder, NOW, {})
    checks = bool(folder.objects.request_authentications)
    checked = authentication(folder.objects, identities(folder.objects) if checks else {})
    more = (*shown.problems, *checked.problems)
    return findings(folder, compile_gateways(folder.objects), more)


def codes(*texts: str) -> list[str]:
    """The codes of what is found in documents."""
    return [one.code for one in found(*texts)]


def route(rules: str, *, name: str = "r", hostname: str = "a.example") -> str:
    """A route of the Gateway with these rules, in JSON's form."""
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: default}}
spec: {{parentRefs: [{{name: gw}}], hostnames: ["{hostname}"], rules: {rules}}}
"""


RULES = "[{backendRefs: [{name: app, port: 80}]}]"


def policy(limits: str, *, name: str = "p", target: str = "{kind: HTTPRoute, name: r}") -> str:
    """A policy of v1 with these limits, in JSON's form."""
    reference = target.replace("{", "{group: gateway.networking.k8s.io, ", 1)
    return f"""
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: {name}, namespace: default}}
spec: {{targetRef: {reference}, limits: {limits}}}
"""
