"""How policies stand is told in numbers, and one by one of no more than a bounded number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api.meta import Condition
from kuadrant.operator.statuses.policy_metrics import is_enforced, policy_metrics, told_policies
from kuadrant.policy.model import Target
from kuadrant.status import PolicyStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.kube.kind import Key


def status(key: Key, *, enforced: bool) -> PolicyStatus:
    conditions = (
        Condition(type="Accepted", status="True", reason="Accepted", message=""),
        Condition(type="Enforced", status="True" if enforced else "False", reason="Some", message=""),
    )
    return PolicyStatus(*key, conditions)


def lines(
    statuses: Mapping[Key, PolicyStatus], targets: Mapping[Key, Target], most: int = 1000
) -> dict[str, float]:
    return {
        f"{one.name}{{{','.join(one.labels.values())}}}": one.value
        for family in policy_metrics(statuses, targets, most)
        for one in family.samples
    }


def test_a_policy_is_told_with_its_target_and_conditions() -> None:
    well, ill = ("a", "well"), ("b", "ill")
    told = lines(
        {well: status(well, enforced=True), ill: status(ill, enforced=False)},
        {well: Target("HTTPRoute", "a", "toystore")},
    )
    assert told == {
        "kuadrant_policies_total{RateLimitPolicy}": 2,
        "kuadrant_policies_enforced{RateLimitPolicy,true}": 1,
        "kuadrant_policies_enforced{RateLimitPolicy,false}": 1,
        "kuadrant_policies{Accepted,True,Accepted}": 2,
        "kuadrant_policies{Enforced,True,Some}": 1,
        "kuadrant_policies{Enforced,False,Some}": 1,
        "kuadrant_policy_info{RateLimitPolicy,a,well,HTTPRoute,a,toystore}": 1,
        "kuadrant_policy_info{RateLimitPolicy,b,ill,,,}": 1,
        "kuadrant_policy_condition{RateLimitPolicy,a,well,Accepted,True,Accepted}": 1,
        "kuadrant_policy_condition{RateLimitPolicy,a,well,Enforced,True,Some}": 1,
        "kuadrant_policy_condition{RateLimitPolicy,b,ill,Accepted,True,Accepted}": 1,
        "kuadrant_policy_condition{RateLimitPolicy,b,ill,Enforced,False,Some}": 1,
    }


def test_without_policies_the_numbers_are_there_and_zero() -> None:
    assert lines({}, {}) == {
        "kuadrant_policies_total{RateLimitPolicy}": 0,
        "kuadrant_policies_enforced{RateLimitPolicy,true}": 0,
        "kuadrant_policies_enforced{RateLimitPolicy,false}": 0,
    }


KEYS = st.tuples(st.sampled_from("abc"), st.text("xyz", min_size=1, max_size=3))


@given(st.dictionaries(KEYS, st.booleans(), max_size=30), st.integers(0, 12))
def test_so_many_at_most_those_in_trouble_first_and_every_namespace_its_part(
    enforced: dict[Key, bool], most: int
) -> None:
    statuses = {key: status(key, enforced=one) for key, one in enforced.items()}
    told = told_policies(statuses, most)
    assert len(told) == len(set(told)) == min(most, len(statuses))
    assert set(told) <= statuses.keys()
    left_out = statuses.keys() - set(told)
    for key in left_out:
        # Nobody of its namespace is told who is better off, and no namespace has two more than another.
        mine = [one for one in told if one[0] == key[0]]
        assert all(is_enforced(statuses[one]) <= is_enforced(statuses[key]) for one in mine)
        for other in "abc":
            assert sum(one[0] == other for one in told) <= len(mine) + 1
