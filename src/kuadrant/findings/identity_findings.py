"""Policies that ask who requests are from where nothing authenticates them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.compiler import identities
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.severity import Rule
from kuadrant.policy.authentication_targets import may_be_somebody
from kuadrant.policy.identity_source import ISTIO, reads_identity

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from kuadrant.compiler import PolicyFacts
    from kuadrant.findings.examined_documents import Material
    from kuadrant.findings.request_paths import Path
    from kuadrant.policy.identity_source import IdentitySource
    from kuadrant.policy.model import Problem

RULES: Final = (
    Rule(
        code="identity-not-authenticated",
        severity="warning",
        title="A policy asks who requests are from, and the gateway authenticates nobody there.",
        means="The Gateway says that it knows requests by tokens, and neither a RequestAuthentication nor a "
        "SecurityPolicy with a provider of that name is for the Gateway or the route; or by certificates of "
        "clients, and it has no listener of TLS, by which they are shown. Every request is from nobody. The "
        "operator looks for that, and `kuadrant check` where `kuadrant run` has no say in it.",
        do="Add a RequestAuthentication, a SecurityPolicy or a listener of HTTPS, or correct the annotation "
        "`kuadrant.io/identity`.",
    ),
)


def identity_findings(of: Material, gateways: Container[str] | None = None) -> Iterator[Problem]:
    """Yield for each policy and Gateway that nothing authenticates requests on some way to its limits.

    Only ``gateways`` (``namespace/name``) are looked at, if they are named.
    """
    sources = {
        key: source
        for key, source in identities(of.objects).items()
        if source is not None and source.kind != "header" and (gateways is None or key in gateways)
    }
    if not sources:
        return
    for fact in of.compilation.policies:
        if fact.acceptance.reason != "Accepted" or not reads_identity(fact.policy.parts):
            continue
        told: set[str] = set()
        for path in of.paths.by_policy.get(fact.policy.key, ()):
            source = sources.get(path.gateway)
            if source is None or path.gateway in told:
                continue
            route = (path.route.kind, path.route.namespace, path.route.name)
            if not may_be_somebody(of.objects, source, of.paths.gateways[path.gateway], [route]):
                told.add(path.gateway)
                yield _found(fact, path, source)


def _found(fact: PolicyFacts, path: Path, source: IdentitySource) -> Problem:
    policy = fact.policy
    if source.kind == "mtls":
        found = f"at Gateway {path.gateway} nobody shows a certificate: it has no listener of TLS"
    else:
        what = (
            "no RequestAuthentication is for either"
            if source.name == ISTIO
            else f"no SecurityPolicy with a provider {source.name} is for either"
        )
        route = f"{path.route.kind} {path.route.key}"
        found = f"nothing authenticates tokens for {route} at Gateway {path.gateway}: {what}"
    message = f"asks who requests are from, and {found}, so every request there is from nobody"
    of = ("RateLimitPolicy", policy.namespace, policy.name)
    return problem(of, "spec", "identity-not-authenticated", message)
