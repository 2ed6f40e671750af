"""What is said of a policy: Kuadrant's reasons and messages, for both versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.status import Evidence
from tests.unit.status.texts import GATEWAYS, policy_text, route_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.api.meta import Condition

    Statuses = Callable[..., dict[str, dict[str, Condition]]]


def _said(condition: Condition) -> tuple[str, str, str]:
    return (condition.status, condition.reason, condition.message)


ENFORCED = ("True", "Enforced", "RateLimitPolicy has been successfully enforced")
PARTIALLY = ("True", "Enforced", "RateLimitPolicy has been partially enforced")
versions = pytest.mark.parametrize("version", ["v1beta2", "v1"])


@pytest.mark.row(95)
@pytest.mark.row(116)
@versions
def test_a_policy_of_a_route_is_accepted_and_enforced(statuses: Statuses, version: str) -> None:
    conditions = statuses(GATEWAYS + route_text("r", "a") + policy_text(version, "p", "HTTPRoute", "r"))["p"]
    assert _said(conditions["Accepted"]) == ("True", "Accepted", "RateLimitPolicy has been accepted")
    assert _said(conditions["Enforced"]) == ENFORCED


@pytest.mark.row(105)
@pytest.mark.row(123)
@versions
def test_a_policy_without_target_is_not_accepted_and_nothing_is_said_of_enforcement(
    statuses: Statuses, version: str
) -> None:
    conditions = statuses(GATEWAYS + policy_text(version, "p", "HTTPRoute", "r"))["p"]
    assert {type_: _said(condition) for type_, condition in conditions.items()} == {
        "Accepted": ("False", "TargetNotFound", "RateLimitPolicy target r was not found")
    }


@pytest.mark.row(106)
def test_the_second_v1beta2_policy_of_a_route_is_in_conflict_and_the_first_unaffected(
    statuses: Statuses,
) -> None:
    conditions = statuses(
        GATEWAYS
        + route_text("r", "a")
        + policy_text("v1beta2", "p", "HTTPRoute", "r")
        + policy_text("v1beta2", "q", "HTTPRoute", "r")
    )
    assert conditions["q"]["Accepted"].reason == "Conflicted"
    assert "Enforced" not in conditions["q"]
    assert _said(conditions["p"]["Enforced"]) == ENFORCED


@pytest.mark.row(122)
def test_of_two_v1_policies_of_a_route_the_older_is_overridden(statuses: Statuses) -> None:
    conditions = statuses(
        GATEWAYS
        + route_text("r", "a")
        + policy_text("v1", "p", "HTTPRoute", "r", created="2024-06-12T09:00:00Z")
        + policy_text("v1", "q", "HTTPRoute", "r", created="2024-06-12T08:00:00Z")
    )
    assert _said(conditions["p"]["Enforced"]) == ENFORCED
    assert _said(conditions["q"]["Enforced"]) == (
        "False",
        "Overridden",
        "RateLimitPolicy is overridden by [ns/p]",
    )


@pytest.mark.parametrize(
    ("version", "message"),
    [
        pytest.param(
            "v1beta2",
            "RateLimitPolicy has encountered some issues: no free routes to enforce policy",
            marks=[pytest.mark.row(100), pytest.mark.row(104)],
        ),
        pytest.param(
            "v1", "RateLimitPolicy is not in the path to any existing routes", marks=pytest.mark.row(118)
        ),
    ],
)
@pytest.mark.parametrize("block", ["defaults", "overrides"])
def test_a_policy_of_a_gateway_without_routes_is_accepted_and_not_enforced(
    statuses: Statuses, version: str, block: str, message: str
) -> None:
    conditions = statuses(GATEWAYS + policy_text(version, "p", "Gateway", "a", block))["p"]
    assert conditions["Accepted"].status == "True"
    assert _said(conditions["Enforced"]) == ("False", "Unknown", message)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (
            "v1beta2",
            (
                "RateLimitPolicy has encountered some issues: the targeted route has not been "
                "accepted by any "
                "gateway parent"
            ),
        ),
        ("v1", "RateLimitPolicy is not in the path to any existing routes"),
    ],
)
def test_a_policy_of_a_route_without_gateway_is_not_enforced(
    statuses: Statuses, version: str, message: str
) -> None:
    conditions = statuses(
        GATEWAYS + route_text("r", "nowhere") + policy_text(version, "p", "HTTPRoute", "r")
    )["p"]
    assert _said(conditions["Enforced"]) == ("False", "Unknown", message)


@pytest.mark.row(98)
@pytest.mark.row(119)
@versions
def test_defaults_of_a_gateway_are_overridden_by_a_policy_of_the_route(
    statuses: Statuses, version: str
) -> None:
    conditions = statuses(
        GATEWAYS
        + route_text("r", "a")
        + policy_text(version, "gw", "Gateway", "a")
        + policy_text(version, "p", "HTTPRoute", "r")
    )
    assert _said(conditions["p"]["Enforced"]) == ENFORCED
    assert _said(conditions["gw"]["Enforced"]) == (
        "False",
        "Overridden",
        "RateLimitPolicy is overridden by [ns/p]",
    )


@versions
def test_defaults_of_a_gateway_are_partially_enforced_while_a_route_is_free(
    statuses: Statuses, version: str
) -> None:
    conditions = statuses(
        GATEWAYS
        + route_text("r", "a")
        + route_text("free", "a")
        + policy_text(version, "gw", "Gateway", "a")
        + policy_text(version, "p", "HTTPRoute", "r")
    )
    assert _said(conditions["gw"]["Enforced"]) == PARTIALLY


@pytest.mark.row(99)
@versions
def test_defaults_of_a_gateway_are_enforced_when_no_route_has_a_policy_of_its_own(
    statuses: Statuses, version: str
) -> None:
    text = (
        GATEWAYS + route_text("r", "a") + route_text("free", "a") + policy_text(version, "gw", "Gateway", "a")
    )
    assert _said(statuses(text)["gw"]["Enforced"]) == ENFORCED


@pytest.mark.row(101)
@pytest.mark.row(102)
@pytest.mark.row(103)
@pytest.mark.row(120)
@pytest.mark.row(121)
@versions
def test_overrides_of_a_gateway_are_enforced_and_the_policy_of_the_route_is_overridden(
    statuses: Statuses, version: str
) -> None:
    conditions = statuses(
        GATEWAYS
        + route_text("r", "a")
        + policy_text(version, "gw", "Gateway", "a", "overrides")
        + policy_text(version, "p", "HTTPRoute", "r")
    )
    assert _said(conditions["gw"]["Enforced"]) == ENFORCED
    assert _said(conditions["p"]["Enforced"]) == (
        "False",
        "Overridden",
        "RateLimitPolicy is overridden by [ns/gw]",
    )


@pytest.mark.row(111)
@pytest.mark.row(126)
@versions
def test_a_policy_that_is_overridden_on_one_of_two_gateways_is_partially_enforced(
    statuses: Statuses, version: str
) -> None:
    conditions = statuses(
        GATEWAYS
        + route_text("r", "a", "b")
        + policy_text(version, "gw", "Gateway", "a", "overrides")
        + policy_text(version, "p", "HTTPRoute", "r")
    )
    assert _said(conditions["gw"]["Enforced"]) == ENFORCED
    assert _said(conditions["p"]["Enforced"]) == PARTIALLY


@pytest.mark.row(131)
def test_a_policy_with_an_expression_that_cannot_be_evaluated_says_where_and_why(statuses: Statuses) -> None:
    limit = ", when: [{predicate: auth.identity.admin}]"
    conditions = statuses(
        GATEWAYS + route_text("r", "a") + policy_text("v1", "p", "HTTPRoute", "r", limit=limit)
    )["p"]
    assert {type_: _said(condition) for type_, condition in conditions.items()} == {
        "Accepted": (
            "False",
            "Invalid",
            (
                "RateLimitPolicy cannot be carried out: spec.defaults.limits.x.when[0].predicate: line 1, "
                "column 14: "
                "there is no 'auth.identity.admin': nothing here authenticates requests; "
                "the annotation kuadrant.io/identity of a Gateway says what does"
            ),
        )
    }


def test_a_policy_is_not_enforced_before_each_of_its_gateways_has_taken_the_configuration(
    statuses: Statuses,
) -> None:
    text = GATEWAYS + route_text("r", "a", "b") + policy_text("v1", "p", "HTTPRoute", "r")
    nothing, one, both = (
        statuses(text, Evidence(frozenset(acknowledged)))["p"]["Enforced"]
        for acknowledged in ([], ["ns/a"], ["ns/a", "ns/b"])
    )
    waiting = "RateLimitPolicy waiting for the following components to sync:"
    assert _said(nothing) == ("False", "Unknown", f"{waiting} [Gateway (ns/a) Gateway (ns/b)]")
    assert _said(one) == ("False", "Unknown", f"{waiting} [Gateway (ns/b)]")
    assert _said(both) == ENFORCED


def test_what_gateways_of_others_have_taken_does_not_matter(statuses: Statuses) -> None:
    text = GATEWAYS + route_text("r", "a") + policy_text("v1", "p", "HTTPRoute", "r")
    assert _said(statuses(text, Evidence(frozenset({"ns/a"})))["p"]["Enforced"]) == ENFORCED


def test_a_gateway_that_refuses_the_configuration_is_quoted(statuses: Statuses) -> None:
    text = GATEWAYS + route_text("r", "a") + policy_text("v1", "p", "HTTPRoute", "r")
    evidence = Evidence(refused={"ns/a": "unknown field"})
    assert _said(statuses(text, evidence)["p"]["Enforced"]) == (
        "False",
        "Unknown",
        "RateLimitPolicy has encountered some issues: gateway ns/a: unknown field",
    )


@pytest.mark.row(96)
@versions
def test_a_policy_of_a_gateway_with_a_route_is_accepted_and_enforced(
    statuses: Statuses, version: str
) -> None:
    conditions = statuses(GATEWAYS + route_text("r", "a") + policy_text(version, "p", "Gateway", "a"))["p"]
    assert _said(conditions["Accepted"]) == ("True", "Accepted", "RateLimitPolicy has been accepted")
    assert _said(conditions["Enforced"]) == ENFORCED


@pytest.mark.row(108)
def test_a_v1beta2_policy_that_moves_to_a_target_that_is_taken_is_in_conflict_and_frees_its_own(
    statuses: Statuses,
) -> None:
    routes = GATEWAYS + route_text("r", "a") + route_text("s", "a")
    holder = policy_text("v1beta2", "holder", "HTTPRoute", "s", created="2024-06-12T08:00:00Z")
    waiting = policy_text("v1beta2", "waiting", "HTTPRoute", "r", created="2024-06-12T09:00:00Z")
    moved = policy_text("v1beta2", "p", "HTTPRoute", "s", created="2024-06-12T08:30:00Z")

    conditions = statuses(routes + holder + waiting + moved)

    assert conditions["p"]["Accepted"].reason == "Conflicted"
    assert _said(conditions["holder"]["Enforced"]) == ENFORCED
    assert _said(conditions["waiting"]["Enforced"]) == ENFORCED


@pytest.mark.row(110)
@versions
def test_a_policy_whose_target_is_deleted_says_so(statuses: Statuses, version: str) -> None:
    policy = policy_text(version, "p", "HTTPRoute", "r")
    assert "Enforced" in statuses(GATEWAYS + route_text("r", "a") + policy)["p"]
    conditions = statuses(GATEWAYS + policy)["p"]
    assert {name: condition.reason for name, condition in conditions.items()} == {
        "Accepted": "TargetNotFound"
    }
