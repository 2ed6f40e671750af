"""What modules are told of where identities come from."""

from __future__ import annotations

import json

import pytest

from kuadrant.compiler.program import Action, HostProgram, LimitAction, RuleProgram
from kuadrant.dialects import DIALECTS, OWN, Service
from kuadrant.policy.condition import SelectorCounter
from kuadrant.policy.identity_source import IdentitySource
from kuadrant.policy.match import RequestMatch

SERVICE = Service(cluster="limiter", timeout_ms=1000, failure_mode="deny")


def hosts(identity: IdentitySource | None) -> tuple[HostProgram, ...]:
    limit = LimitAction(
        "limit.a",
        counters=(SelectorCounter("auth.identity.sub"),),
        sources=("ns/policy",),
        identity=identity,
    )
    rule = RuleProgram("rule", "ns/route", RequestMatch(), (Action("ns/route", (limit,)),))
    return (HostProgram("*", (rule,)),)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (IdentitySource("jwt", "payload"), {"jwt": "payload"}),
        (IdentitySource("jwt", "keycloak"), {"jwt": "keycloak"}),
        (IdentitySource("header", "x-user"), {"header": "x-user"}),
        (IdentitySource("mtls"), {"certificate": "peer"}),
        (None, None),
    ],
)
def test_a_limit_that_asks_is_told_where_from(
    source: IdentitySource | None, told: dict[str, str] | None
) -> None:
    text = json.loads(DIALECTS[OWN[0]].render(hosts(source), SERVICE))
    (limit,) = text["hosts"][0]["rules"][0]["actions"][0]["limits"]
    assert limit.get("identity") == told


@pytest.mark.parametrize("name", OWN)
def test_modules_of_before_know_nobody(name: str) -> None:
    found = DIALECTS[name].unsupported((), hosts(IdentitySource("mtls")), "deny")
    assert [one.policy for one in found] == ([] if name == OWN[0] else ["ns/policy"])
    assert DIALECTS[name].unsupported((), hosts(None), "deny") == ()
