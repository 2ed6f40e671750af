"""Limits that gateways count beside those that the service counts: never in one question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.api.limitador import Limit
from kuadrant.compiler.program import Action, LimitAction, RuleProgram
from kuadrant.dialects import DIALECTS, Service
from kuadrant.gateways.envoy import RATE_LIMIT_CLUSTER
from kuadrant.gateways.provider import Rendering
from kuadrant.operator.core.configuration_shares import as_before
from kuadrant.operator.core.port_conflicts import _actions, _limits_of
from kuadrant.policy.identifiers import limit_condition
from kuadrant.policy.match import RequestMatch
from tests.unit.operator.core.shared_gateway import HONEST, Cluster, policy, route
from tests.unit.operator.known import known, module

if TYPE_CHECKING:
    from collections.abc import Callable

OWN = Limit(namespace="app/r", max_value=1, seconds=1, conditions=(limit_condition("limit.own"),), name="own")
ACTIONS = (
    Action("app/r", (LimitAction("limit.own", sources=("app/p",), counted=(OWN,)),)),
    Action("app/r", (LimitAction("limit.of_service", sources=("infra/q",)),)),
)


def _of_ports(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    return _actions(_limits_of(RuleProgram("rule", "app/r", RequestMatch(), actions)))


@pytest.mark.parametrize(
    "made_again",
    [
        lambda actions: as_before("nobody", actions, ()),
        lambda actions: as_before("app", actions, actions),
        _of_ports,
    ],
    ids=["a share of another namespace", "one's own share", "ports that differ"],
)
def test_they_stay_apart_where_limits_of_a_rule_are_put_together_anew(
    made_again: Callable[[tuple[Action, ...]], tuple[Action, ...]],
) -> None:
    assert made_again(ACTIONS) == ACTIONS


def test_a_policy_that_gateways_count_alone_is_enforced_and_the_service_holds_nothing_of_it() -> None:
    dialect = DIALECTS["kuadrant-v4"]
    rendering = Rendering(dialect.configure(Service(RATE_LIMIT_CLUSTER)))
    cluster = Cluster()
    cluster.known = known(module=module(rendering=rendering, dialect=dialect))
    own = policy("shop", HONEST)
    for limit in own["spec"]["limits"].values():
        limit["scope"] = "Gateway"
    documents = [route("shop", HONEST), own]
    cluster.put(documents)
    decision = cluster.put(documents)
    assert [one.name for one in decision.limits] == ["create-toy"]
    assert cluster.enforced(HONEST, "shop")[0] == "True"
    (rule,) = cluster.rules("shop-0.default.example")
    assert [one["service"] for one in rule["actions"]] == ["here"]
