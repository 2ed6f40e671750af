"""Policies that ask who requests are from where nothing authenticates them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.compiler import identities
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.severity import Rule
from kuadrant.policy.authentication_targets import may_be_for_gateway
from kuadrant.policy.identity_source import ISTIO, reads_identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.gateway import Gateway
    from kuadrant.api.security_policy import SecurityPolicy
    from kuadrant.compiler import PolicyFacts
    from kuadrant.findings.examined_documents import Material
    from kuadrant.findings.request_paths import Path
    from kuadrant.policy.identity_source import IdentitySource
    from kuadrant.policy.model import Problem
    from kuadrant.policy.route import Route

RULES: Final = (
    Rule(
        code="identity-not-authenticated",
        severity="warning",
        title="A policy asks who requests are from, and the gateway authenticates no tokens there.",
        means="The Gateway says that it knows requests by tokens, and neither a RequestAuthentication nor a "
        "SecurityPolicy with a provider of that name is for the Gateway or the route. Every request is from "
        "nobody. Only the operator looks for that.",
        do="Add a RequestAuthentication or a SecurityPolicy, or correct the annotation "
        "`kuadrant.io/identity`.",
    ),
)


def identity_findings(of: Material) -> Iterator[Problem]:
    """Yield for each policy and Gateway that nothing authenticates tokens on some way to its limits."""
    sources = identities(of.objects)
    if not any(source is not None and source.kind == "jwt" for source in sources.values()):
        return
    for fact in of.compilation.policies:
        if fact.acceptance.reason != "Accepted" or not reads_identity(fact.policy.parts):
            continue
        told: set[str] = set()
        for path in of.paths.by_policy.get(fact.policy.key, ()):
            source = sources.get(path.gateway)
            if source is None or source.kind != "jwt" or path.gateway in told:
                continue
            if not _is_authenticated(of, path, source):
                told.add(path.gateway)
                yield _found(fact, path, source)


def _is_authenticated(of: Material, path: Path, source: IdentitySource) -> bool:
    gateway = of.paths.gateways[path.gateway]
    if source.name == ISTIO and any(
        may_be_for_gateway(one, gateway) for one in of.objects.request_authentications
    ):
        return True
    return any(
        one.spec.jwt is not None
        and any(provider.name == source.name for provider in one.spec.jwt.providers)
        and _secures(one, gateway, path.route)
        for one in of.objects.security_policies
    )


def _secures(one: SecurityPolicy, gateway: Gateway, route: Route) -> bool:
    named = {
        (target.kind, target.namespace or one.metadata.namespace, target.name) for target in one.spec.targets
    }
    own = {
        ("Gateway", gateway.metadata.namespace, gateway.metadata.name),
        (route.kind, route.namespace, route.name),
    }
    selected = one.spec.target_selectors and one.metadata.namespace in {namespace for _, namespace, _ in own}
    return bool(selected) or not named.isdisjoint(own)


def _found(fact: PolicyFacts, path: Path, source: IdentitySource) -> Problem:
    policy = fact.policy
    what = (
        "no RequestAuthentication is for either"
        if source.name == ISTIO
        else f"no SecurityPolicy with a provider {source.name} is for either"
    )
    message = (
        "asks who requests are from, and nothing authenticates tokens for "
        f"{path.route.kind} {path.route.key} at Gateway {path.gateway}: {what}, "
        "so every request there is from nobody"
    )
    of = ("RateLimitPolicy", policy.namespace, policy.name)
    return problem(of, "spec", "identity-not-authenticated", message)
