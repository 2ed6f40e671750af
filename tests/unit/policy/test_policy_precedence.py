"""How policies along a path become one."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.policy.model import Policy, PolicyLimit, Target
from kuadrant.policy.policy_precedence import EffectivePolicy, merge

Block = Literal["defaults", "overrides"]
Strategy = Literal["atomic", "merge"]


def _policy(
    name: str,
    limits: str,
    block: Block = "defaults",
    strategy: Strategy = "atomic",
    counted_under: Literal["policy", "route"] = "route",
    *,
    exclusive: bool = False,
    kind: str = "HTTPRoute",
) -> Policy:
    return Policy(
        "ns",
        name,
        Target(kind, "ns", kind.lower()),
        block=block,
        strategy=strategy,
        limits=tuple(map(PolicyLimit, limits)),
        counted_under=counted_under,
        exclusive=exclusive,
    )


def _sources(effective: EffectivePolicy | None) -> dict[str, str]:
    assert effective is not None
    return {entry.limit.name: entry.source.name for entry in effective.limits}


ROUTE = _policy("route", "bc")


@pytest.mark.parametrize(
    ("block", "strategy", "expected"),
    [
        pytest.param("defaults", "atomic", {"b": "route", "c": "route"}, marks=pytest.mark.row(129)),
        pytest.param("overrides", "atomic", {"a": "gateway", "b": "gateway"}, marks=pytest.mark.row(129)),
        pytest.param(
            "defaults", "merge", {"a": "gateway", "b": "route", "c": "route"}, marks=pytest.mark.row(127)
        ),
        pytest.param(
            "overrides", "merge", {"a": "gateway", "b": "gateway", "c": "route"}, marks=pytest.mark.row(128)
        ),
    ],
)
def test_the_less_specific_policy_decides_how_the_two_meet(
    block: Block, strategy: Strategy, expected: dict[str, str]
) -> None:
    assert _sources(merge([_policy("gateway", "ab", block, strategy), ROUTE])) == expected


def test_no_policy_is_no_effective_policy() -> None:
    assert merge([]) is None


def test_a_policy_alone_is_in_effect_as_a_whole() -> None:
    assert _sources(merge([_policy("gateway", "ab", "overrides")])) == {"a": "gateway", "b": "gateway"}


@pytest.mark.row(122)
def test_of_two_policies_on_one_object_the_younger_wins_with_defaults_and_the_older_with_overrides() -> None:
    younger = _policy("younger", "a")
    assert _sources(merge([_policy("older", "a"), younger])) == {"a": "younger"}
    assert _sources(merge([_policy("older", "a", "overrides"), younger])) == {"a": "older"}


def test_the_steps_go_from_the_most_specific_policy_to_the_least_specific_one() -> None:
    effective = merge(
        [
            _policy("gateway", "ax", "overrides", "merge"),
            _policy("listener", "ab", "defaults", "merge"),
            ROUTE,
        ]
    )
    assert _sources(effective) == {"a": "gateway", "b": "route", "c": "route", "x": "gateway"}


@pytest.mark.parametrize("block", ["defaults", "overrides"])
@pytest.mark.parametrize("strategy", ["atomic", "merge"])
def test_a_policy_without_limits_changes_nothing_wherever_it_stands(block: Block, strategy: Strategy) -> None:
    empty = _policy("empty", "", block, strategy)
    gateway = _policy("gateway", "a")
    assert merge([empty, gateway]) == merge([gateway, empty]) == merge([gateway])
    assert merge([empty]) is None


def _of_v1beta2(name: str, limits: str, block: Block = "defaults", kind: str = "HTTPRoute") -> Policy:
    return _policy(name, limits, block, "atomic", "policy", exclusive=True, kind=kind)


class TestAPolicyOfV1Beta2ThatIsOnlyATarget:
    """In Kuadrant v0.11 a Gateway's policy is for routes without a policy, whatever that one says."""

    def test_takes_its_route_out_of_the_defaults_of_the_gateway(self) -> None:
        out = _of_v1beta2("out", "")
        for gateway in (_of_v1beta2("gateway", "a", kind="Gateway"), _policy("gateway", "a", kind="Gateway")):
            assert merge([gateway, out]) == EffectivePolicy(out, ())

    def test_is_overridden_like_any_other(self) -> None:
        effective = merge([_of_v1beta2("gateway", "a", "overrides", "Gateway"), _of_v1beta2("out", "")])
        assert effective is not None
        assert [(one.source.name, one.identity) for one in effective.limits] == [("gateway", "ns/out")]

    def test_is_merged_with_where_the_gateway_s_policy_says_so(self) -> None:
        gateway = _policy("gateway", "a", "defaults", "merge", kind="Gateway")
        assert _sources(merge([gateway, _of_v1beta2("out", "")])) == {"a": "gateway"}

    def test_of_a_gateway_changes_nothing(self) -> None:
        gateway = _policy("gateway", "a", kind="Gateway")
        empty = _of_v1beta2("empty", "", kind="Gateway")
        assert merge([gateway, empty]) == merge([empty, gateway]) == merge([gateway])

    def test_takes_nothing_from_another_policy_of_its_route_or_of_a_rule_of_it(self) -> None:
        gateway, out, own = (
            _policy("gateway", "a", kind="Gateway"),
            _of_v1beta2("out", ""),
            _policy("own", "b"),
        )
        assert merge([gateway, out, own]) == merge([gateway, own, out]) == merge([own])


@pytest.mark.row(130)
def test_a_limit_keeps_the_policy_that_it_came_from_and_with_it_that_policy_s_conditions() -> None:
    effective = merge([_policy("gateway", "a", "defaults", "merge"), ROUTE])
    assert effective is not None
    assert [entry.source.name for entry in effective.limits] == ["gateway", "route", "route"]


@pytest.mark.row(92)
@pytest.mark.row(101)
def test_an_override_between_policies_of_v1beta2_keeps_the_identity_of_the_overridden() -> None:
    override = _policy("gateway", "a", "overrides", counted_under="policy", exclusive=True)
    route = _policy("route", "bc", counted_under="policy", exclusive=True)
    effective = merge([override, route])
    assert effective is not None
    (entry,) = effective.limits
    assert (entry.limit.name, entry.source.name, entry.identity) == ("a", "gateway", "ns/route")
    assert entry.scope("ns/any") == "ns/route"


def test_an_override_whose_counters_are_shared_is_counted_in_one_place_for_all_routes() -> None:
    override = _policy("gateway", "a", "overrides", counted_under="policy")
    effective = merge([override, _policy("route", "bc", counted_under="policy")])
    assert effective is not None
    assert [entry.scope("ns/any") for entry in effective.limits] == ["ns/gateway"]


def test_an_override_of_nothing_is_counted_under_its_own_name() -> None:
    effective = merge([_policy("gateway", "a", "overrides", counted_under="policy")])
    assert effective is not None
    assert [entry.identity for entry in effective.limits] == ["ns/gateway"]


def test_an_override_counted_under_its_own_name_does_not_take_the_name_of_a_route_s_policy() -> None:
    effective = merge([_policy("gateway", "a", "overrides", counted_under="policy"), ROUTE])
    assert effective is not None
    assert [entry.scope("ns/any") for entry in effective.limits] == ["ns/gateway"]


@pytest.mark.row(117)
def test_a_limit_counted_under_the_route_has_the_route_s_scope_whatever_policy_it_comes_from() -> None:
    effective = merge([_policy("gateway", "a")])
    assert effective is not None
    (entry,) = effective.limits
    assert (entry.scope("ns/route"), entry.identity) == ("ns/route", "ns/gateway")


policies = st.lists(
    st.builds(
        _policy,
        name=st.uuids().map(str),
        limits=st.sets(st.sampled_from("abcd"), min_size=1).map(lambda names: "".join(sorted(names))),
        block=st.sampled_from(["defaults", "overrides"]),
        strategy=st.sampled_from(["atomic", "merge"]),
        counted_under=st.sampled_from(["policy", "route"]),
    ),
    min_size=1,
    max_size=5,
)


@given(policies)
def test_an_effective_policy_has_each_limit_once_and_from_a_policy_of_the_path(path: list[Policy]) -> None:
    effective = merge(path)
    assert effective is not None
    names = [entry.limit.name for entry in effective.limits]
    assert names == sorted(set(names))
    assert all(entry.source in path and entry.limit in entry.source.limits for entry in effective.limits)


@given(policies)
def test_where_there_is_a_policy_with_limits_some_limit_is_in_effect(path: list[Policy]) -> None:
    effective = merge(path)
    assert effective is not None
    assert effective.limits


@given(policies)
def test_the_least_specific_atomic_override_always_holds_as_a_whole(path: list[Policy]) -> None:
    override = _policy("override", "ab", "overrides")
    assert _sources(merge([override, *path])) == {"a": "override", "b": "override"}


@given(policies)
def test_an_atomic_default_less_specific_than_any_other_never_changes_anything(path: list[Policy]) -> None:
    assert merge([_policy("default", "ab"), *path]) == merge(path)


@given(policies)
def test_merging_loses_no_name_of_a_limit(path: list[Policy]) -> None:
    merging = [
        _policy(policy.name, "".join(limit.name for limit in policy.limits), policy.block, "merge")
        for policy in path
    ]
    effective = merge(merging)
    assert effective is not None
    assert {entry.limit.name for entry in effective.limits} == {
        limit.name for policy in path for limit in policy.limits
    }
