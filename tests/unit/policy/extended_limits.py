"""Policies whose limits have extensions, by a field or by the annotation of the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.documents import read as read_documents
from kuadrant.policy.policy_check import check
from kuadrant.policy.version_conversion import to_model

if TYPE_CHECKING:
    from kuadrant.policy.model import Policy

RATES = {
    "v1beta2": "rates: [{limit: 5, duration: 10, unit: second}, {limit: 9, duration: 1, unit: minute}]",
    "v1": "rates: [{limit: 5, window: 10s}, {limit: 9, window: 1m}]",
}
FIELD = 'metadata.annotations["kuadrant.io/extensions"]'


def policy(version: str, limit: str = "", annotation: str = "", block: str = "limits") -> Policy:
    said = f"annotations: {{kuadrant.io/extensions: '{annotation}'}}, " if annotation else ""
    limits = f"{{a: {{{limit}{RATES[version]}}}}}"
    text = f"""
apiVersion: kuadrant.io/{version}
kind: RateLimitPolicy
metadata: {{{said}name: p, namespace: ns}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: Gateway, name: g}}
  {f"limits: {limits}" if block == "limits" else f"{block}: {{limits: {limits}}}"}
"""
    folder = read_documents([("a.yaml", text)])
    assert folder.problems == ()
    return to_model(folder.objects.rate_limit_policies[0])


def problems(of: Policy) -> list[tuple[str, str]]:
    checked = check(of)
    assert bool(checked.refusal) == bool(checked.problems)
    return [(problem.field, problem.message) for problem in checked.problems]
