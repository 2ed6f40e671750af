"""A policy is accepted, or stays in the last form that was; the status carries that form over a restart."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from kuadrant.api.rate_limit_policy import LONGEST_SPEC
from kuadrant.operator.core import kinds
from kuadrant.operator.core.accepted_policies import AcceptedPolicies
from kuadrant.operator.core.world import Standing, World
from kuadrant.policy.budgets import Budgets
from kuadrant.policy.version_conversion import to_model
from tests.unit.operator.core.observed import GATEWAY, ROUTE, TARGET, Cluster, filled, policy

KEY = ("ns", "policy")


BAD = {"when": [{"predicate": "request.path.matches('(?!x)')"}]}


class Judged(Cluster):
    """A cluster with somebody who judges its policies."""

    def __init__(self, budgets: Budgets | None = None) -> None:
        super().__init__()
        self.accepted = AcceptedPolicies(budgets or Budgets())
        self.now = 0.0

    def put_policies(self, *documents: dict[str, Any]) -> World:
        for document in documents:
            self.put(kinds.POLICIES, document)
        return self.world()

    def world(self) -> World:
        return self.accepted.of(self.observer.world(), self.now)

    def restart(self, budgets: Budgets | None = None) -> World:
        self.accepted = AcceptedPolicies(budgets or self.accepted.budgets)
        return self.world()


def maxima(world: World) -> dict[str, int]:
    """The maximum of each policy that is in effect."""
    return {
        one.metadata.name: one.spec.limits["a"].rates[0].limit
        for one in world.objects.rate_limit_policies
        if one.spec.limits
    }


def standing(world: World, name: str = "policy", namespace: str = "ns") -> Standing:
    return world.standings[namespace, name]


def remembered(world: World, name: str = "policy") -> dict[str, Any]:
    """The status that the policy has once it is written."""
    one = standing(world, name)
    return {"lastAccepted": {"generation": one.generation, "spec": one.spec}}


@pytest.mark.row(171)
@pytest.mark.parametrize(
    "limit",
    [
        BAD,
        {"when": [{"predicate": "source.local_address == '127.0.0.1'"}]},
        {"when": [{"predicate": "auth.identity.userid == 'bob'"}]},
        {"when": [{"predicate": "'%s'.format([request.host]) == 'a'"}]},
        {"when": [{"predicate": "1 / 0 == 0"}]},
        {"counters": [{"expression": 'request.headers["x\0"]'}]},
        {"counters": [{"expression": "[request.path]" + ".map(a, a+a)" * 24 + "[0]"}]},
        {"rates": [{"limit": 1, "window": "tomorrow"}]},
        {"rates": "many"},
    ],
)
def test_what_cannot_work_leaves_the_last_good_state_or_nothing(limit: dict[str, Any]) -> None:
    cluster = Judged()
    never = cluster.put_policies(policy(9, generation=7) | {"spec": policy(also=limit)["spec"]})
    assert (maxima(never), standing(never).generation) == ({}, None)
    assert standing(never).problem

    good = cluster.put_policies(policy(3, generation=8))
    assert (maxima(good), standing(good).problem, standing(good).generation) == ({"policy": 3}, "", 8)

    edited = cluster.put_policies(policy(9, generation=9) | {"spec": policy(9, also=limit)["spec"]})
    assert maxima(edited) == {"policy": 3}
    assert standing(edited).problem == standing(never).problem
    assert (standing(edited).generation, standing(edited).spec) == (8, standing(good).spec)
    assert edited.objects.rate_limit_policies[0].metadata.generation == 9


def test_a_policy_that_asks_who_a_request_is_from_is_taken_while_its_gateway_knows() -> None:
    cluster = Judged()
    knowing = {**GATEWAY, "metadata": {**GATEWAY["metadata"], "annotations": {"kuadrant.io/identity": "jwt"}}}
    cluster.put(kinds.GATEWAYS, GATEWAY)
    cluster.put(kinds.HTTP_ROUTES, ROUTE)
    asking = policy(9, generation=2)
    asking["spec"]["limits"]["a"]["counters"] = [{"expression": "auth.identity.sub"}]
    cluster.put_policies(policy(3, generation=1))
    nobody = cluster.put_policies(asking)
    assert (maxima(nobody), standing(nobody).generation) == ({"policy": 3}, 1)
    assert "the annotation kuadrant.io/identity of a Gateway" in standing(nobody).problem

    cluster.put(kinds.GATEWAYS, knowing)
    known = cluster.world()
    assert (maxima(known), standing(known).problem, standing(known).generation) == ({"policy": 9}, "", 2)

    cluster.put(kinds.GATEWAYS, GATEWAY)
    assert "the annotation kuadrant.io/identity of a Gateway" in standing(cluster.world()).problem


def test_what_does_not_change_is_the_same_instance() -> None:
    cluster = Judged()
    first = cluster.put_policies(policy(), policy(name="other"))
    assert cluster.world().objects is first.objects
    assert cluster.world().standings is first.standings

    same = cluster.put_policies(policy(status={"observedGeneration": 1}))
    assert same.objects is first.objects
    assert same.standings is first.standings

    changed = cluster.put_policies(policy(2, generation=2))
    assert changed.objects.rate_limit_policies[0] is first.objects.rate_limit_policies[0]
    assert changed.objects.rate_limit_policies[1] is not first.objects.rate_limit_policies[1]


def test_all_else_of_the_world_stays_what_it_was() -> None:
    world = filled().observer.world()
    judged = AcceptedPolicies().of(world, 0.0)
    assert judged.objects.gateways is world.objects.gateways
    assert [one.metadata.name for one in judged.objects.rate_limit_policies] == ["policy"]


def test_another_policy_of_the_same_name_has_no_former_form() -> None:
    cluster = Judged()
    cluster.put_policies(policy(3))
    world = cluster.put_policies(policy(9, uid="2", also=BAD))
    assert (maxima(world), standing(world).generation) == ({}, None)


def test_a_policy_that_is_gone_is_forgotten() -> None:
    cluster = Judged()
    cluster.put_policies(policy(3))
    cluster.remove(kinds.POLICIES, KEY)
    world = cluster.world()
    assert (maxima(world), world.standings, cluster.accepted.namespaces) == ({}, {}, {})


def test_a_policy_in_its_last_form_that_is_being_deleted_is_deleted() -> None:
    cluster = Judged()
    cluster.put_policies(policy(3))
    document = policy(9, generation=2, also=BAD)
    document["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z"
    (one,) = cluster.put_policies(document).objects.rate_limit_policies
    assert one.metadata.deletion_timestamp


# After a restart


def test_after_a_restart_the_status_tells_the_last_good_form() -> None:
    cluster = Judged()
    status = remembered(cluster.put_policies(policy(3, generation=4)))
    world = cluster.put_policies(policy(9, generation=5, status=status, also=BAD))
    again = cluster.restart()
    assert (
        (maxima(again), again.standings)
        == (maxima(world), world.standings)
        == ({"policy": 3}, world.standings)
    )
    assert standing(again).generation == 4
    # What is written for it is what was there.
    assert remembered(again) == status


def test_a_status_counts_for_nothing_where_there_is_a_form_that_is_accepted() -> None:
    cluster = Judged()
    status = remembered(cluster.put_policies(policy(3, generation=4)))
    world = Judged().put_policies(policy(5, generation=5, status=status))
    assert (maxima(world), standing(world).generation) == ({"policy": 5}, 5)


def _last(spec: Any, generation: Any = 1) -> dict[str, Any]:
    return {"lastAccepted": {"generation": generation, "spec": spec}}


@pytest.mark.parametrize(
    "status",
    [
        _last(json.dumps(policy(3, also=BAD)["spec"])),
        _last(json.dumps(policy(3, also={"counters": [{"expression": 'request.headers["x\0"]'}]})["spec"])),
        _last(json.dumps(policy(3, rates=300)["spec"])),
        # What the API server would not have taken as a spec:
        _last(json.dumps({"targetRef": TARGET | {"kind": "GRPCRoute"}, "limits": {}})),
        _last(json.dumps(policy(3)["spec"] | {"defaults": policy(3)["spec"]})),
        _last(json.dumps({"targetRef": TARGET | {"kind": "Service"}, "limits": policy()["spec"]["limits"]})),
        _last(json.dumps({"targetRef": TARGET, "limits": {"a": {"rates": [{"limit": 1, "window": "1ms"}]}}})),
        _last(
            json.dumps(
                {
                    "targetRef": TARGET,
                    "limits": {"a": {"rates": [{"limit": 1, "duration": 1, "unit": "day", "window": "1s"}]}},
                }
            )
        ),
        _last(json.dumps(policy(3)["spec"]) + " " * LONGEST_SPEC),
        _last("{"),
        _last("[]"),
        _last("[" * 100_000),
        _last('{"targetRef":5}'),
        _last('{"targetRef":null,"limits":null}'),
        _last('{"limits":[]}'),
        _last('{"limits":{"a":5}}'),
        _last('{"limits":{"a":{"rates":5,"when":7,"counters":8}}}'),
        _last('{"limits":{"a":{"rates":[5],"when":["x"],"counters":[null]}},"defaults":3,"overrides":[1]}'),
        _last(json.dumps(policy(3)["spec"] | {"defaults": 3})),
        _last('{"a":' * 20_000 + "1" + "}" * 20_000),
        _last('{"targetRef":' * 500 + "1" + "}" * 500),
        _last(json.dumps(policy(3)["spec"] | {"limits": {f"l{number}": {} for number in range(2000)}})),
        _last(5),
        _last("{}", "1"),
        {"lastAccepted": []},
        {"lastAccepted": {}},
    ],
)
def test_who_can_write_a_status_gets_nothing_that_he_could_not_have_as_a_spec(status: dict[str, Any]) -> None:
    world = Judged().put_policies(policy(9, generation=2, status=status, also=BAD))
    assert (maxima(world), standing(world).generation) == ({}, None)


def test_a_form_that_is_too_large_is_only_in_memory() -> None:
    long = [{"predicate": f"'{number}{'a' * 4000}' != request.path"} for number in range(40)]
    world = Judged(Budgets(policy_text=1 << 20)).put_policies(policy(3, also={"when": long}))
    assert standing(world) == Standing(generation=1)


# Budgets of a namespace


SMALL = Budgets(namespace_rates=10)


@pytest.mark.row(172)
def test_the_oldest_policies_of_a_namespace_are_within_its_budget() -> None:
    cluster = Judged(SMALL)
    policies = [
        policy(number, name=f"p{number}", created=f"2026-01-0{9 - number}T00:00:00Z", rates=4)
        for number in range(1, 5)
    ]
    for one in policies:
        cluster.put(kinds.POLICIES, one)
    world = cluster.world()
    assert maxima(world) == {"p3": 3, "p4": 4}
    assert standing(world, "p1").problem == (
        "with it the policies of namespace ns ask for 12 rates; a namespace may have 10 (namespace-rates)"
    )
    assert cluster.accepted.namespaces["ns"].rates == 8


@pytest.mark.row(172)
def test_an_edit_that_goes_over_leaves_what_was_and_nobody_else_is_hurt() -> None:
    cluster = Judged(SMALL)
    cluster.put_policies(policy(1, name="old", created="2025-01-01T00:00:00Z", rates=5))
    cluster.put_policies(policy(2, name="young", rates=5))
    over = cluster.put_policies(
        policy(3, name="old", created="2025-01-01T00:00:00Z", rates=6, generation=2),
        policy(4, name="elsewhere", namespace="other", rates=10),
    )
    assert maxima(over) == {"old": 1, "young": 2, "elsewhere": 4}
    assert "ask for 11 rates" in standing(over, "old").problem

    # As soon as there is room it is in effect, without another edit.
    cluster.remove(kinds.POLICIES, ("ns", "young"))
    assert maxima(cluster.world()) == {"old": 3, "elsewhere": 4}
    assert standing(cluster.world(), "old").problem == ""


@pytest.mark.row(172)
def test_after_a_restart_the_same_policies_are_within_the_budget() -> None:
    cluster = Judged(SMALL)
    young = policy(2, name="young", rates=6)
    status = remembered(cluster.put_policies(young), "young")
    old = policy(1, name="old", created="2025-01-01T00:00:00Z", rates=6)
    before = cluster.put_policies(young | {"status": status}, old)
    assert maxima(before) == {"young": 2}

    again = cluster.restart()
    assert (maxima(again), again.standings) == (maxima(before), before.standings)


def test_a_status_does_not_make_room_in_a_namespace() -> None:
    cluster = Judged(SMALL)
    for number in range(3):
        one = policy(number, name=f"p{number}", rates=4)
        cluster.put(
            kinds.POLICIES,
            one | {"status": _last(msgspec.json.encode(one["spec"], order="deterministic").decode())},
        )
    assert maxima(cluster.world()) == {"p0": 0, "p1": 1}


def test_who_is_over_a_smaller_budget_may_ask_for_less() -> None:
    cluster = Judged(SMALL)
    cluster.put_policies(policy(1, name="a", rates=5), policy(2, name="b", rates=5))
    cluster.accepted._budgets = Budgets(namespace_rates=6)
    assert maxima(cluster.put_policies(policy(3, name="a", rates=4, generation=2))) == {"a": 3, "b": 2}
    assert maxima(cluster.put_policies(policy(4, name="b", rates=6, generation=2))) == {"a": 3, "b": 2}


def test_a_thousand_policies_in_one_namespace_are_within_its_budget() -> None:
    cluster = Judged()
    for number in range(1000):
        limit = {
            "when": [{"predicate": f"request.path == '/{number}'"}],
            "counters": [{"expression": "request.host"}],
        }
        cluster.put(kinds.POLICIES, policy(number, name=f"policy-{number}", also=limit))
    world = cluster.world()
    assert len(world.objects.rate_limit_policies) == 1000
    used = cluster.accepted.namespaces["ns"]
    assert used.rates == 1000
    assert used.bytes < cluster.accepted.budgets.namespace_bytes


def test_where_too_many_former_limits_may_still_be_asked_for_no_edit_is_taken_until_they_are_gone() -> None:
    """Who renames limits without end fills the rate limit service with what gateways may still ask for.

    He waits, nobody else.
    """
    cluster = Judged()
    cluster.put_policies(policy(), policy(name="b", namespace="other"))
    for document in (policy(7, generation=2), policy(7, name="b", namespace="other", generation=2)):
        cluster.put(kinds.POLICIES, document)

    crowded = cluster.accepted.of(cluster.observer.world(), 0.0, frozenset({"ns"}))
    assert maxima(crowded) == {"policy": 1, "b": 7}
    assert "gateways may still ask for too many limits" in standing(crowded).problem
    assert standing(crowded, "b", "other").problem == ""

    later = cluster.world()
    assert maxima(later) == {"policy": 7, "b": 7}
    assert standing(later).problem == ""


def edits(cluster: Judged, number: int, namespace: str = "hostile", *, generation: int = 1) -> list[str]:
    """Edit a large policy so many times, all at once; what is said of each."""
    said = []
    for one in range(generation, generation + number):
        rates = [{"limit": one, "window": f"{seconds}s"} for seconds in range(10, 26)]
        limits = {"a": {"rates": rates}} | {f"l{one}-{part}": {"rates": rates} for part in range(7)}
        document = policy(name="large", namespace=namespace, generation=one)
        document["spec"]["limits"] = limits
        said.append(standing(cluster.put_policies(document), "large", namespace).problem)
    return said


def test_who_edits_without_end_is_slowed_down_and_nobody_else() -> None:
    """Each edit is one more for gateways to read, whoever shares them (issue F, 2)."""
    cluster = Judged(Budgets(namespace_bytes=100_000, namespace_edits=1000))
    cluster.world()
    said = edits(cluster, 20)
    taken = said.index(next(filter(None, said)))
    assert 2 <= taken < 19
    assert "policies of namespace hostile were edited faster" in said[-1]

    # The form that was taken last stays in effect.
    assert maxima(cluster.world())["large"] == taken
    world = cluster.put_policies(policy(7))
    assert (maxima(world)["policy"], standing(world).problem) == (7, "")


def test_the_newest_edit_is_taken_in_its_turn() -> None:
    cluster = Judged(Budgets(namespace_bytes=100_000, namespace_edits=1000))
    cluster.world()
    edits(cluster, 20)
    due = cluster.accepted.due(cluster.now)
    assert due is not None
    cluster.now = due - 0.1
    assert maxima(cluster.world())["large"] < 20
    cluster.now = due
    assert maxima(cluster.world())["large"] == 20
    assert standing(cluster.world(), "large", "hostile").problem == ""
    assert cluster.accepted.due(cluster.now) is None


def test_small_edits_keep_no_large_one_from_its_turn() -> None:
    cluster = Judged(Budgets(namespace_bytes=100_000, namespace_edits=1000))
    cluster.world()
    edits(cluster, 20)
    for number in range(1, 200):
        cluster.now += 0.1
        cluster.put_policies(policy(number, name="a-small-one", namespace="hostile", generation=number))
    assert maxima(cluster.world())["large"] == 20


def test_what_is_there_when_the_operator_starts_is_taken_at_once() -> None:
    cluster = Judged(Budgets(namespace_bytes=20_000, namespace_edits=1))
    for number in range(100):
        cluster.put(kinds.POLICIES, policy(name=f"p{number}", namespace="ns"))
    assert len(maxima(cluster.world())) == 100


def test_an_edit_that_says_the_same_is_taken_at_once() -> None:
    cluster = Judged(Budgets(namespace_bytes=100_000, namespace_edits=1000))
    cluster.put_policies(policy(name="other", namespace="hostile", generation=1))
    edits(cluster, 20)
    due = cluster.accepted.due(cluster.now)
    world = cluster.put_policies(policy(name="other", namespace="hostile", generation=2))
    assert (standing(world, "other", "hostile").problem, cluster.accepted.due(cluster.now)) == ("", due)


def extended(text: str) -> dict[str, Any]:
    document = policy()
    document["metadata"]["annotations"] = {"kuadrant.io/extensions": text}
    return document


def algorithms(world: World) -> list[str]:
    policies = world.objects.rate_limit_policies
    return [limit.algorithm for one in policies for limit in to_model(one).limits]


def test_an_annotation_that_is_refused_leaves_what_was_in_effect() -> None:
    cluster = Judged()
    cluster.put_policies(extended("limits: {a: {algorithm: SlidingWindow}}"))
    world = cluster.put_policies(extended("limits: {a: {algorithm: Sliding}}"))
    assert "SlidingWindow" in standing(world).problem
    assert algorithms(world) == ["SlidingWindow"]


def test_a_refused_annotation_takes_no_limit_away_when_the_operator_starts() -> None:
    cluster = Judged()
    good = cluster.put_policies(extended("limits: {a: {algorithm: SlidingWindow}}"))
    cluster.put_policies(extended("limits: [") | {"status": remembered(good)})
    world = cluster.restart()
    assert standing(world).problem
    assert algorithms(world) == ["FixedWindow"]
