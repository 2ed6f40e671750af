"""What is said in the status: a function of the resource, which ends saying one thing whoever says it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api.limitador import Limitador, LimitadorPorts, LimitadorService
from kuadrant.ratelimit_follower.status import owner, wanted_status

SERVICE = LimitadorService("here", LimitadorPorts(8081, 8080))
THEN, NOW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def limitador(
    generation: int = 5, status: Any = None, spec: Any = None, managers: tuple[Any, ...] = ()
) -> Limitador:
    content = {
        "metadata": {
            "name": "limitador",
            "namespace": "ns",
            "generation": generation,
            "managedFields": managers,
        },
        "spec": spec or {},
        "status": status or {},
    }
    return msgspec.json.decode(json.dumps(content).encode(), type=Limitador)


def wanted(found: Limitador, *mistakes: str, overruled: bool = False, now: str = NOW) -> Any:
    return wanted_status(found, count=2, mistakes=mistakes, overruled=overruled, service=SERVICE, now=now)


def ready(status: str, generation: int) -> dict[str, Any]:
    return {
        "observedGeneration": generation,
        "conditions": [{"type": "Ready", "status": status, "lastTransitionTime": THEN}],
    }


def manager(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"manager": name, "operation": "Update", "fieldsV1": fields}


def test_limits_that_are_held_make_it_ready_at_their_generation() -> None:
    said = wanted(limitador(status=ready("True", 4)))
    assert said["observedGeneration"] == 5
    assert said["conditions"] == [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Ready",
            "message": "2 limits are held",
            "observedGeneration": 5,
            "lastTransitionTime": THEN,
        }
    ]
    assert said["service"] == {"host": "here", "ports": {"grpc": 8081, "http": 8080}}


def test_wrong_limits_make_it_not_ready_and_leave_the_generation_that_is_held() -> None:
    said = wanted(limitador(status=ready("True", 4)), "limit a: no")
    assert said["observedGeneration"] == 4
    condition = said["conditions"][0]
    assert (condition["status"], condition["observedGeneration"]) == ("False", 5)
    assert condition["lastTransitionTime"] == NOW
    assert condition["message"] == "the limits are wrong and not taken, the last good ones stay: limit a: no"


def test_what_another_release_holds_is_called_wrong_once() -> None:
    found = limitador(status=ready("True", 5))
    assert wanted(found, "limit a: no")["conditions"][0]["status"] == "False"
    assert wanted(found, "limit a: no", overruled=True) is None


def test_what_another_release_calls_wrong_is_called_held() -> None:
    status = {**ready("False", 4)}
    assert wanted(limitador(status=status))["conditions"][0]["status"] == "True"


def test_many_and_long_mistakes_fit_into_a_condition() -> None:
    message = wanted(limitador(), *["x" * 100_000] * 500)["conditions"][0]["message"]
    assert len(message) < 32_768
    assert message.endswith("; and 490 more")


@pytest.mark.parametrize(
    ("storage", "told"),
    [
        (None, "2 limits are held"),
        (
            {"redis": {"configSecretRef": {"name": "x"}}},
            "2 limits are held, counted in the store of the Secret x",
        ),
        (
            {"redis-cached": {"configSecretRef": {"name": "x"}, "options": {"ttl": 5}}},
            "2 limits are held, counted in the store of the Secret x",
        ),
        (
            {"disk": {}},
            (
                "2 limits are held; spec.storage is supported as redis or redis-cached with a configSecretRef: "
                "counters are in memory, of each replica by itself"
            ),
        ),
    ],
)
def test_where_is_counted_is_told(storage: Any, told: str) -> None:
    said = wanted(limitador(spec={"storage": storage}))
    assert said["conditions"][0]["message"] == told


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (manager("manager", {"f:status": {"f:conditions": {}}}), "manager"),
        (
            manager("manager", {"f:status": {"f:conditions": {'k:{"type":"Ready"}': {"f:status": {}}}}}),
            "manager",
        ),
        (manager("kuadrant-ratelimit", {"f:status": {"f:conditions": {}}}), None),
        (manager("kubectl-edit", {"f:status": {"f:service": {}}}), None),
        (manager("kuadrant-operator", {"f:spec": {"f:limits": {}}}), None),
    ],
)
def test_whoever_else_writes_the_conditions_owns_the_status(
    entry: dict[str, Any], expected: str | None
) -> None:
    found = limitador(managers=(entry,))
    assert owner(found) == expected
    assert (wanted(found) is None) == (expected is not None)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30))
def test_replicas_that_disagree_do_not_write_for_ever(turns: list[tuple[bool, bool]]) -> None:
    # One replica finds the limits right, the other wrong; they look in any order, a new generation may come at any time.
    generation, called_wrong, writes = 1, 0, 0
    status: dict[str, Any] = {}
    for takes, anew in [*turns, (True, False), (False, False), (True, False)]:
        generation += anew
        said = wanted(
            limitador(generation, status),
            *([] if takes else ["no"]),
            overruled=called_wrong == generation,
            now=f"2026-01-01T00:00:{writes % 60:02}Z",
        )
        if said is not None and said != status:
            status, writes = said, writes + 1
            called_wrong = called_wrong if takes else generation
    assert writes <= 3 * generation
    assert status["conditions"][0]["status"] == "True"
