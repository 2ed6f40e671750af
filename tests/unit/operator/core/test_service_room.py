"""Who asks for more limits than the Limitador has room for keeps nobody else's from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.unit.operator.core.shared_gateway import HONEST, HOSTILE, Cluster, policy, route
from tests.unit.operator.core.shared_gateway import written as documents
from tests.unit.operator.example import GATEWAY, objects

if TYPE_CHECKING:
    from kuadrant.operator.core.decision import Decision


def of_gateway() -> dict[str, Any]:
    """A policy that is for each route of the gateway again."""
    made = policy(GATEWAY[1], GATEWAY[0], limits=40, kind="Gateway")
    limits = {f"of-gateway-{name}": limit for name, limit in made["spec"].pop("limits").items()}
    made["spec"]["overrides"] = {"limits": limits, "strategy": "merge"}
    return made


BEFORE = [of_gateway(), route("b", HONEST), policy("b", HONEST)]
MANY = [route(f"a{number}") for number in range(100)]


def written(decision: Decision, namespace: str) -> int:
    document = decision.limitador.document
    assert document is not None
    return sum(one["namespace"].startswith(f"{namespace}/") for one in document["spec"]["limits"])


def test_the_resource_is_written_with_what_everybody_else_wants() -> None:
    cluster = Cluster()
    cluster.put(BEFORE)
    decision = cluster.put([*BEFORE, *MANY, route("c", HONEST), policy("c", HONEST)])
    assert decision.limitador.problem is None
    # Those of the example beside them.
    assert written(decision, HONEST) == 2 * 40 + 2 + written(Cluster().put([of_gateway()]), HONEST)
    assert written(decision, HOSTILE) == 0


def test_what_it_had_before_stays() -> None:
    cluster = Cluster()
    cluster.put([*BEFORE, *MANY[:2]])
    decision = cluster.put([*BEFORE, *MANY])
    assert written(decision, HOSTILE) == 2 * 40


def test_whose_routes_have_no_room_is_told_so() -> None:
    cluster = Cluster()
    cluster.put(BEFORE)
    own = [part for one in MANY for part in (one, policy(one["metadata"]["name"], limits=2))]
    decision = cluster.put([*BEFORE, *own])
    assert "has no room for all of its limits" in decision.not_held[f"{HOSTILE}/a0"]
    assert f"{HONEST}/b" not in decision.not_held


def test_an_operator_that_starts_waits_for_nothing_that_there_is_no_room_for() -> None:
    cluster = Cluster()
    cluster.put(BEFORE)
    cluster.restart()
    cluster.put([*BEFORE, *MANY, route("c", HONEST), policy("c", HONEST, limits=3)])
    assert cluster.asked(HONEST) == 2 * 40 + 1 + 3


def test_whose_limit_the_service_cannot_count_is_told_so_and_the_others_are_written() -> None:
    cluster = Cluster()
    cluster.put(BEFORE)
    own = policy("c", HONEST)
    for limit in own["spec"]["limits"].values():
        limit["algorithm"] = "SlidingWindow"
    decision = cluster.put([*BEFORE, route("c", HONEST), own])
    assert "cannot count by the algorithm SlidingWindow" in decision.not_held[f"{HONEST}/c"]
    assert f"{HONEST}/b" not in decision.not_held
    assert written(decision, HONEST) == written(Cluster().put([*BEFORE, route("c", HONEST)]), HONEST)


MODES: list[tuple[str, object, str]] = [
    ("mode", "Shadow", "mode Shadow"),
    ("enforcePercent", 10, "enforcePercent"),
]


def in_mode(of: dict[str, Any], field: str, value: object) -> dict[str, Any]:
    counters = [{"expression": "source.remote_address"}]
    limits = {
        name: {**limit, "counters": counters, field: value} for name, limit in of["spec"]["limits"].items()
    }
    return {**of, "spec": {**of["spec"], "limits": limits}}


@pytest.mark.parametrize(("field", "value", "what"), MODES)
def test_whose_limit_the_service_would_enforce_for_all_is_told_so(
    field: str, value: object, what: str
) -> None:
    cluster = Cluster()
    cluster.put(BEFORE)
    decision = cluster.put([*BEFORE, route("c", HONEST), in_mode(policy("c", HONEST), field, value)])
    assert f"has no {what}, as Limitador has none" in decision.not_held[f"{HONEST}/c"]
    assert f"{HONEST}/b" not in decision.not_held
    assert written(decision, HONEST) == written(Cluster().put([*BEFORE, route("c", HONEST)]), HONEST)


@pytest.mark.parametrize(("field", "value", "what"), MODES)
def test_a_limit_stays_as_it_was_where_the_service_does_not_know_its_new_mode(
    field: str, value: object, what: str
) -> None:
    cluster = Cluster()
    enforced = in_mode(policy("b", HONEST), "mode", "Enforce")
    before = cluster.put([route("b", HONEST), enforced])
    asked = cluster.asked(HONEST)
    there = objects(documents([route("b", HONEST), in_mode(enforced, field, value)]))
    world = msgspec.structs.replace(
        cluster.world, objects=there, existing={cluster.gateway: cluster.existing}
    )
    decision = cluster.decider.decide(world, cluster.known)
    assert f"has no {what}" in decision.not_held[f"{HONEST}/b"]
    assert decision.limitador.document == before.limitador.document
    assert written(decision, HONEST) == written(before, HONEST) > 0
    cluster.existing = decision.gateways[cluster.gateway].objects
    assert cluster.asked(HONEST) == asked
