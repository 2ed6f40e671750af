"""One namespace takes no more of a gateway than there is for it, and keeps no other's policies from it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.effort import calls
from tests.unit.operator.core.shared_gateway import (
    HONEST,
    HOSTILE,
    KNOWN,
    Cluster,
    policy,
    route,
    text,
    written,
)
from tests.unit.operator.example import GATEWAY, objects

HONEST_ROUTES = [route("b", HONEST), policy("b", HONEST)]
MULTIPLIED = [route("a", hosts=16, matches=128), policy("a", limits=200)]
INCOMPRESSIBLE = [
    part for number in range(9) for part in (route(f"a{number}"), policy(f"a{number}", conditions=16))
]


def patterned(name: str, patterns: int) -> dict[str, Any]:
    """A route with so many regular expressions of 300 characters that are looked at each time."""
    one = route(name, matches=patterns // 16)
    for rule in one["spec"]["rules"]:
        for match in rule["matches"]:
            match["headers"] = [
                {"type": "RegularExpression", "name": f"h{number}", "value": f"{text(300)}"}
                for number in range(16)
            ]
    return one


PATTERNS = [patterned("a", 2048), policy("a")]
TOO_MUCH = pytest.mark.parametrize(
    "documents",
    [
        pytest.param(MULTIPLIED, id="multiplied by hosts and matches"),
        pytest.param(INCOMPRESSIBLE, id="large texts"),
        pytest.param(PATTERNS, id="regular expressions", marks=pytest.mark.slow),
    ],
)


@TOO_MUCH
def test_what_is_too_much_of_one_namespace_keeps_no_edit_of_another_from_the_gateway(
    documents: list[dict[str, Any]],
) -> None:
    cluster = Cluster()
    cluster.put([])
    decision = cluster.put([*documents, *HONEST_ROUTES])

    assert decision.gateways[GATEWAY].wanted.problem is None
    assert cluster.asked(HONEST) == 1
    assert cluster.enforced(HONEST, "b")[0] == "True"


@TOO_MUCH
def test_it_is_told_in_its_own_status(documents: list[dict[str, Any]]) -> None:
    cluster = Cluster()
    cluster.put([])
    cluster.put(documents)
    status, message = cluster.enforced(HOSTILE, documents[1]["metadata"]["name"])
    assert status == "False"
    assert "are more than there is room for" in message


@pytest.mark.parametrize("documents", [MULTIPLIED, INCOMPRESSIBLE], ids=["multiplied", "large texts"])
def test_what_it_had_before_stays(documents: list[dict[str, Any]]) -> None:
    former = [route(documents[0]["metadata"]["name"]), policy(documents[1]["metadata"]["name"], limits=3)]
    cluster = Cluster()
    cluster.put(former)
    assert cluster.asked(HOSTILE) == 3
    cluster.put(documents)
    assert cluster.asked(HOSTILE) == 3
    cluster.put(former)
    assert cluster.asked(HOSTILE) == 3


def test_what_others_ask_for_on_its_routes_is_asked_for_as_they_want_it() -> None:
    cluster = Cluster()
    of_gateway = policy(GATEWAY[1], GATEWAY[0], limits=2, kind="Gateway")
    of_gateway["spec"]["overrides"] = {"limits": of_gateway["spec"].pop("limits"), "strategy": "merge"}
    cluster.put([of_gateway])
    cluster.put([of_gateway, *MULTIPLIED])
    assert cluster.asked(HOSTILE) == 2 * 16 * 128


@TOO_MUCH
def test_an_operator_that_starts_keeps_no_edit_of_others_from_the_gateway(
    documents: list[dict[str, Any]],
) -> None:
    cluster = Cluster()
    cluster.put([*documents, route("b", HONEST), policy("b", HONEST, limits=2)])
    cluster.restart()
    decision = cluster.put([*documents, *HONEST_ROUTES])
    assert decision.gateways[GATEWAY].wanted.problem is None
    assert cluster.asked(HONEST) == 1
    decision = cluster.put([*documents, route("b", HONEST), policy("b", HONEST, limits=3)])
    assert cluster.asked(HONEST) == 3


def test_an_operator_that_starts_leaves_out_as_few_as_there_is_no_room_for() -> None:
    cluster = Cluster()
    cluster.put([])
    cluster.restart()
    cluster.put(INCOMPRESSIBLE)
    assert 0 < 9 * 1 - cluster.asked(HOSTILE) < 5


def test_whose_status_says_that_there_was_no_room_has_none_before_others_after_a_restart() -> None:
    much = [part for name in "bcde" for part in (route(name, HONEST), policy(name, HONEST, conditions=16))]
    less = [part for name in "bcdef" for part in (route(name), policy(name, conditions=16))]
    cluster = Cluster()
    cluster.put(much)
    cluster.put([*much, *less])
    before = cluster.asked(HONEST), cluster.asked(HOSTILE)
    cluster.restart()
    cluster.put([*much, *less])
    assert before == (4, 0)
    assert cluster.asked(HONEST) == 4


def test_of_the_first_that_is_known_as_many_routes_as_there_is_room_for_have_their_limits() -> None:
    cluster = Cluster()
    cluster.put([*MULTIPLIED, route("small"), policy("small", limits=2)])
    assert cluster.asked(HOSTILE) == 2


@pytest.mark.slow
def test_a_decision_takes_no_longer_for_it() -> None:
    """With eight such routes, within all budgets, it took 13 s, and with texts 1 GB for each."""
    many = [
        part
        for number in range(8)
        for part in (route(f"a{number}", hosts=16, matches=128), policy(f"a{number}", limits=200))
    ]
    cluster = Cluster()
    cluster.put(many)
    world = msgspec.structs.replace(cluster.world, objects=objects(written([*many, *HONEST_ROUTES])))
    assert calls(lambda: cluster.decider.decide(world, KNOWN)) < 2_000_000  # some tenths of a second
