"""Whose limits may ask who a request is from, and what they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.api import documents
from kuadrant.compiler import Compilation, Compiler, KnownTargets, compile_gateways
from kuadrant.policy.identity_source import IdentitySource
from kuadrant.policy.model import Target

if TYPE_CHECKING:
    from kuadrant.api.objects import Objects

JWT = IdentitySource("jwt", "payload")
GATEWAY = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: %s, namespace: ns, annotations: {%s}}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
ROUTE = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route, namespace: ns}
spec:
  parentRefs: [%s]
  rules: [{}]
"""
POLICY = """
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: policy, namespace: ns}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: %s, name: %s}
  limits: {a: {rates: [{limit: 1, window: 10s}], counters: [{expression: auth.identity.sub}]},
           b: {rates: [{limit: 1, window: 10s}]}}
"""
KUADRANT = """
---
apiVersion: kuadrant.io/v1beta1
kind: Kuadrant
metadata: {name: kuadrant, namespace: ns, annotations: {%s}}
spec: %s
"""
ON_GATEWAY, ON_ROUTE = POLICY % ("Gateway", "gw"), POLICY % ("HTTPRoute", "route")
IDENTIFIED, NOBODY = GATEWAY % ("gw", "kuadrant.io/identity: jwt"), GATEWAY % ("gw", "")


def objects(*texts: str) -> Objects:
    folder = documents.read([("all.yaml", "".join(texts))])
    assert folder.problems == ()
    return folder.objects


def compiled(*texts: str) -> Compilation:
    return compile_gateways(objects(*texts))


def sources(compilation: Compilation) -> dict[str, set[IdentitySource | None]]:
    """The source of each limit, by gateway."""
    return {
        program.name: {
            limit.identity
            for listener in program.listeners
            for host in listener.hosts
            for rule in host.rules
            for action in rule.actions
            for limit in action.limits
        }
        for program in compilation.programs
    }


@pytest.mark.parametrize("policy", [ON_GATEWAY, ON_ROUTE])
def test_a_limit_that_asks_who_knows_where_from(policy: str) -> None:
    found = compiled(IDENTIFIED, ROUTE % "{name: gw}", policy)
    assert found.policies[0].acceptance.reason == "Accepted"
    assert sources(found) == {"gw": {JWT, None}}


@pytest.mark.parametrize("policy", [ON_GATEWAY, ON_ROUTE])
def test_a_policy_that_asks_a_gateway_which_knows_nobody_is_refused(policy: str) -> None:
    found = compiled(NOBODY, ROUTE % "{name: gw}", policy)
    acceptance = found.policies[0].acceptance
    assert acceptance.reason == "Invalid"
    assert "the annotation kuadrant.io/identity of a Gateway says what does" in acceptance.message
    assert sources(found) == {"gw": set()}


def test_all_gateways_of_a_route_have_to_know() -> None:
    both = ROUTE % "{name: gw}, {name: other}"
    found = compiled(IDENTIFIED, GATEWAY % ("other", ""), both, ON_ROUTE)
    assert found.policies[0].acceptance.reason == "Invalid"
    known = compiled(IDENTIFIED, GATEWAY % ("other", "kuadrant.io/identity: 'header:X-User'"), both, ON_ROUTE)
    assert sources(known) == {"gw": {JWT, None}, "other": {IdentitySource("header", "x-user"), None}}


@pytest.mark.parametrize(
    "kuadrant",
    [
        KUADRANT % ("", "{identity: jwt}"),
        KUADRANT % ("kuadrant.io/extensions: 'identity: jwt'", "{}"),
        KUADRANT % ("kuadrant.io/extensions: 'identity: jwt'", "{identity: jwt}"),
    ],
)
def test_the_kuadrant_says_it_for_gateways_that_do_not(kuadrant: str) -> None:
    found = compiled(
        NOBODY, GATEWAY % ("other", "kuadrant.io/identity: none"), kuadrant, ROUTE % "{name: gw}"
    )
    assert found.problems == ()
    assert sources(compiled(NOBODY, kuadrant, ROUTE % "{name: gw}", ON_ROUTE)) == {"gw": {JWT, None}}
    opted_out = compiled(
        GATEWAY % ("gw", "kuadrant.io/identity: none"), kuadrant, ROUTE % "{name: gw}", ON_ROUTE
    )
    assert opted_out.policies[0].acceptance.reason == "Invalid"


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ((GATEWAY % ("gw", "kuadrant.io/identity: oidc"),), '"oidc" is no source of identities'),
        (
            (NOBODY, KUADRANT % ("kuadrant.io/extensions: 'identity: mtls'", "{identity: jwt}")),
            '"identity" is said otherwise by the field spec.identity',
        ),
        (
            (NOBODY, KUADRANT % ("kuadrant.io/extensions: 'identity: x'", "{}")),
            '"x" is no source of identities',
        ),
        ((NOBODY, KUADRANT % ("kuadrant.io/extensions: 'who: jwt'", "{}")), '"who"'),
    ],
)
def test_what_means_nothing_is_an_error_and_nobody_is_known(texts: tuple[str, ...], words: str) -> None:
    found = compiled(*texts, ROUTE % "{name: gw}", ON_ROUTE)
    assert any(words in one.message and one.severity == "error" for one in found.problems)
    assert found.policies[0].acceptance.reason == "Invalid"


def test_a_change_of_the_annotation_is_a_change_of_the_limits() -> None:
    """As if each state were compiled by itself."""
    compiler = Compiler()
    rest = (ROUTE % "{name: gw}", ON_ROUTE)
    states = [
        (NOBODY,),
        (IDENTIFIED,),
        (GATEWAY % ("gw", "kuadrant.io/identity: mtls"),),
        (NOBODY, KUADRANT % ("", "{identity: jwt}")),
        (KUADRANT % ("", "{identity: jwt}"),),
        (NOBODY,),
        (),
    ]
    for state in states:
        assert compiler.compile(objects(*state, *rest)) == compiled(*state, *rest)


def test_what_does_not_ask_is_told_nothing() -> None:
    policy = ON_ROUTE.replace("auth.identity.sub", "request.path")
    before, after = (
        compiled(NOBODY, ROUTE % "{name: gw}", policy),
        compiled(IDENTIFIED, ROUTE % "{name: gw}", policy),
    )
    assert before.programs == after.programs


@pytest.mark.parametrize(
    ("target", "texts", "known"),
    [
        (Target("Gateway", "ns", "gw"), (IDENTIFIED,), True),
        (Target("Gateway", "ns", "gw"), (NOBODY,), False),
        (Target("HTTPRoute", "ns", "route"), (IDENTIFIED, ROUTE % "{name: gw}"), True),
        (Target("HTTPRoute", "ns", "route"), (NOBODY, ROUTE % "{name: gw}"), False),
        (Target("HTTPRoute", "ns", "route"), (IDENTIFIED,), False),
        (Target("HTTPRoute", "ns", "route"), (KUADRANT % ("", "{identity: jwt}"),), True),
    ],
)
def test_what_a_policy_is_for_knows_who_a_request_is_from(
    target: Target, texts: tuple[str, ...], known: bool
) -> None:
    targets = KnownTargets()
    targets.update(objects(*texts))
    assert targets.identified(target) is known
