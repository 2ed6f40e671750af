"""Both versions of RateLimitPolicy say the same things in different words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.api.rate_limit_policy import RateV1, RateV1Beta2
from kuadrant.policy.condition import (
    ExpressionCondition,
    ExpressionCounter,
    SelectorCondition,
    SelectorCounter,
)
from kuadrant.policy.match import PathMatch, RequestMatch
from kuadrant.policy.model import PolicyLimit, Rate, RouteSelector, Target
from kuadrant.policy.policy_check import check
from kuadrant.policy.version_conversion import rate_v1, rate_v1beta2, to_model
from kuadrant.policy.window_seconds import window_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[str], Any]

V1BETA2 = """
apiVersion: kuadrant.io/v1beta2
kind: RateLimitPolicy
metadata: {name: toystore, namespace: default, creationTimestamp: "2024-06-12T08:00:00Z"}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
"""
V1 = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore, namespace: default}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore, sectionName: rule-2}
"""


@pytest.mark.parametrize(
    ("limit", "duration", "unit", "rate"),
    [
        pytest.param(5, 2, "second", Rate(5, 2), marks=pytest.mark.row(27)),
        pytest.param(5, 2, "minute", Rate(5, 120), marks=pytest.mark.row(28)),
        pytest.param(5, 2, "hour", Rate(5, 7200), marks=pytest.mark.row(28)),
        pytest.param(5, 2, "day", Rate(5, 172800), marks=pytest.mark.row(28)),
        pytest.param(-5, 2, "second", Rate(0, 2), marks=pytest.mark.row(29)),
        pytest.param(5, -2, "second", Rate(5, 0), marks=pytest.mark.row(30)),
        pytest.param(5, 0, "second", Rate(5, 0), marks=pytest.mark.row(30)),
        pytest.param(5, 2, "week", Rate(5, 0), marks=pytest.mark.row(30)),
    ],
)
def test_v1beta2_rate(limit: int, duration: int, unit: Any, rate: Rate) -> None:
    assert rate_v1beta2(RateV1Beta2(limit=limit, duration=duration, unit=unit)) == rate


@pytest.mark.parametrize(
    ("limit", "window", "rate"),
    [
        pytest.param(5, "2s", Rate(5, 2), marks=pytest.mark.row(31)),
        pytest.param(5, "2m", Rate(5, 120), marks=pytest.mark.row(31)),
        pytest.param(5, "2h", Rate(5, 7200), marks=pytest.mark.row(31)),
        pytest.param(-5, "2s", Rate(0, 2), marks=pytest.mark.row(32)),
        pytest.param(0, "2s", Rate(0, 2), marks=pytest.mark.row(32)),
        pytest.param(5, "0s", Rate(5, 0), marks=pytest.mark.row(33)),
        pytest.param(5, "unknown", Rate(5, 0), marks=pytest.mark.row(33)),
        pytest.param(5, "5w", Rate(5, 0), marks=pytest.mark.row(33)),
        (5, "1d", Rate(5, 86_400)),
        (5, "7d12h", Rate(5, 7 * 86_400 + 43_200)),
    ],
)
def test_v1_rate(limit: int, window: str, rate: Rate) -> None:
    assert rate_v1(RateV1(limit=limit, window=window)) == rate


@pytest.mark.row(34)
@pytest.mark.parametrize(
    ("window", "seconds"), [("1h30m", 5400), ("1500ms", 2), ("999ms", 1), ("1ms", 1), ("1s1ms", 2)]
)
def test_part_of_a_second_is_rounded_up_so_that_never_more_is_admitted_than_was_written(
    window: str, seconds: int
) -> None:
    assert window_seconds(window) == seconds


def test_v1beta2_policy(read: Read) -> None:
    policy = to_model(
        read(
            V1BETA2
            + """
  limits:
    toys:
      rates: [{limit: 50, duration: 1, unit: minute}]
      counters: [auth.identity.username]
      when: [{selector: auth.identity.group, operator: neq, value: admin}]
      routeSelectors:
      - hostnames: ["*.toystore.com"]
        matches: [{method: POST, path: {type: Exact, value: /toys}}]
"""
        )
    )
    assert (policy.key, policy.created) == ("default/toystore", "2024-06-12T08:00:00Z")
    assert policy.target == Target("HTTPRoute", "default", "toystore")
    assert (policy.block, policy.strategy, policy.field) == ("defaults", "atomic", ("spec",))
    assert (policy.counted_under, policy.exclusive) == ("policy", True)
    assert policy.limits == (
        PolicyLimit(
            "toys",
            rates=(Rate(50, 60),),
            when=(SelectorCondition("auth.identity.group", "neq", "admin"),),
            counters=(SelectorCounter("auth.identity.username"),),
            selectors=(
                RouteSelector(
                    ("*.toystore.com",), (RequestMatch(PathMatch("/toys", "exact"), method="POST"),)
                ),
            ),
        ),
    )


def test_v1_policy(read: Read) -> None:
    policy = to_model(
        read(
            V1
            + """
  when: [{predicate: request.method == 'POST'}]
  limits:
    toys:
      rates: [{limit: 50, window: 1m}]
      counters: [{expression: "\\n request.path \\n"}]
      when: [{predicate: request.size > 5}]
"""
        )
    )
    assert policy.target == Target("HTTPRoute", "default", "toystore", "rule-2")
    assert (policy.counted_under, policy.exclusive) == ("route", False)
    assert policy.when == (ExpressionCondition("request.method == 'POST'"),)
    assert policy.limits == (
        PolicyLimit(
            "toys",
            rates=(Rate(50, 60),),
            when=(ExpressionCondition("request.size > 5"),),
            counters=(ExpressionCounter("request.path"),),
        ),
    )


@pytest.mark.parametrize("version", [V1BETA2, V1], ids=["v1beta2", "v1"])
@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("limits: {a: {}}", ("defaults", ("spec",))),
        ("defaults: {limits: {a: {}}}", ("defaults", ("spec", "defaults"))),
        ("overrides: {limits: {a: {}}}", ("overrides", ("spec", "overrides"))),
    ],
)
def test_the_block_that_is_there_counts(
    read: Read, version: str, block: str, expected: tuple[str, tuple[str, ...]]
) -> None:
    policy = to_model(read(f"{version}  {block}\n"))
    assert (policy.block, policy.field) == expected
    assert [limit.name for limit in policy.limits] == ["a"]


@pytest.mark.parametrize("block", ["defaults", "overrides"])
def test_v1_strategy_and_conditions_of_the_block(read: Read, block: str) -> None:
    policy = to_model(
        read(f"{V1}  {block}: {{strategy: merge, when: [{{predicate: 'true'}}], limits: {{a: {{}}}}}}\n")
    )
    assert policy.strategy == "merge"
    assert policy.when == (ExpressionCondition("true"),)


def test_limits_are_in_the_order_of_their_names(read: Read) -> None:
    policy = to_model(read(V1 + "  limits: {b: {}, a: {}, c: {}}\n"))
    assert [limit.name for limit in policy.limits] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("word", "counted_under", "mistakes"),
    [
        ("per-route", "route", []),
        ("shared", "policy", []),
        ("all", "policy", ['"all" is neither "per-route" nor "shared"; all routes share their counters']),
    ],
)
def test_an_annotation_says_whether_routes_share_their_counters(
    read: Read, word: str, counted_under: str, mistakes: list[str]
) -> None:
    text = V1.replace("metadata: {", f"metadata: {{annotations: {{kuadrant.io/counters: {word}}}, ")
    policy = to_model(read(text + "  limits: {x: {rates: [{limit: 5, window: 10s}]}}"))
    assert policy.counted_under == counted_under
    assert [problem.message for problem in check(policy).problems] == mistakes
    assert {problem.field for problem in check(policy).problems} <= {
        'metadata.annotations["kuadrant.io/counters"]'
    }


def test_the_remote_address_alone_is_a_counter_of_v1(read: Read) -> None:
    """The module knows it, the gateway's expressions do not."""
    counters = "[{expression: ' source.remote_address '}, {expression: source.address}]"
    policy = to_model(
        read(V1 + f"  limits: {{a: {{rates: [{{limit: 1, window: 1s}}], counters: {counters}}}}}\n")
    )
    assert policy.limits[0].counters == (
        SelectorCounter("source.remote_address"),
        ExpressionCounter("source.address"),
    )
    assert check(policy).problems == ()
