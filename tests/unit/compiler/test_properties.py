"""What holds for whatever gateways, routes and policies there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuadrant.api.objects import Objects
from kuadrant.compiler import Compilation, compile_gateways

from .generated import gateways, policies, routes

if TYPE_CHECKING:
    import random

    from kuadrant.api.meta import Object
    from kuadrant.compiler.program import LimitAction

pytestmark = pytest.mark.slow

_few = settings(deadline=None, max_examples=30)

_objects = st.builds(
    lambda *groups: [one for group in groups for one in group],
    st.tuples(gateways("g0"), gateways("g1")),
    st.tuples(routes("r0"), routes("r1")),
    st.tuples(*(policies(f"p{index}") for index in range(4))),
)


def _limit_actions(compilation: Compilation) -> list[tuple[str, LimitAction]]:
    return [
        (action.scope, limit)
        for program in compilation.programs
        for listener in program.listeners
        for host in listener.hosts
        for rule in host.rules
        for action in rule.actions
        for limit in action.limits
    ]


@pytest.mark.row(48)
@pytest.mark.row(161)
@settings(_few)
@given(_objects, st.randoms(use_true_random=False))
def test_the_same_objects_in_any_order_give_the_same_bytes(
    objects: list[Object], shuffler: random.Random
) -> None:
    expected = msgspec.json.encode(compile_gateways(Objects.of(objects)))
    shuffled = list(objects)
    shuffler.shuffle(shuffled)
    assert msgspec.json.encode(compile_gateways(Objects.of(shuffled))) == expected


@settings(_few)
@given(_objects)
def test_every_limit_that_the_gateway_asks_for_is_one_that_the_service_has_and_the_other_way_round(
    objects: list[Object],
) -> None:
    compilation = compile_gateways(Objects.of(objects))
    asked = {(scope, f'descriptors[0]["{limit.key}"] == "1"') for scope, limit in _limit_actions(compilation)}
    assert {(limit.namespace, *limit.conditions) for limit in compilation.limits} == asked


@settings(_few)
@given(_objects)
def test_no_limit_has_a_window_of_no_length_or_is_below_zero(objects: list[Object]) -> None:
    limits = compile_gateways(Objects.of(objects)).limits
    assert all(limit.seconds >= 1 and limit.max_value >= 0 for limit in limits)


@settings(_few)
@given(_objects)
def test_limits_that_share_their_counters_are_there_once(objects: list[Object]) -> None:
    limits = compile_gateways(Objects.of(objects)).limits
    identities = [(limit.namespace, limit.seconds, limit.conditions, limit.variables) for limit in limits]
    assert len(identities) == len(set(identities))


@settings(_few)
@given(_objects)
def test_host_names_are_there_once_per_port_and_rule_names_once_per_gateway(objects: list[Object]) -> None:
    for program in compile_gateways(Objects.of(objects)).programs:
        names: list[str] = []
        for listener in program.listeners:
            hostnames = [host.hostname for host in listener.hosts]
            assert hostnames == sorted(set(hostnames))
            names += (rule.name for host in listener.hosts for rule in host.rules)
        assert len(names) == len(set(names))


@settings(_few)
@given(_objects)
def test_every_policy_is_accounted_for_on_each_of_its_paths(objects: list[Object]) -> None:
    for facts in compile_gateways(Objects.of(objects)).policies:
        assert facts.whole_paths + facts.partial_paths <= facts.paths
        assert (facts.acceptance.reason == "Accepted") or facts.paths == 0
        assert bool(facts.overridden_by) is (facts.whole_paths < facts.paths)
