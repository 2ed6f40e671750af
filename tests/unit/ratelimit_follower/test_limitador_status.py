"""What is said in the status: a function of the resource, which ends saying one thing whoever says it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api.limitador import LeftOut, Limitador
from kuadrant.ratelimit.unknown_limits import UnknownLimit
from kuadrant.ratelimit_follower.limitador_status import KNOWN, VALID, owner, wanted_status
from tests.unit.ratelimit_follower.facts import NOW, SERVICE

THEN = "2026-01-01T00:00:00Z"


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


def wanted(
    found: Limitador,
    *left_out: str | LeftOut,
    refused: str | None = None,
    unknown: tuple[UnknownLimit, ...] = (),
    said: str | None = None,
    names: bool = True,
    traces: bool = False,
    overruled: bool = False,
    now: str = NOW,
) -> Any:
    return wanted_status(
        found,
        count=2,
        refused=refused,
        left_out=[
            LeftOut(one, ("no",), "ns", frozenset()) if isinstance(one, str) else one for one in left_out
        ],
        unknown=unknown,
        said=said,
        names=names,
        traces=traces,
        overruled=overruled,
        service=SERVICE,
        now=now,
    )


def condition(kind: str, status: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "status": status, "lastTransitionTime": THEN, **more}


def ready(status: str, generation: int, valid: str = "True") -> dict[str, Any]:
    return {
        "observedGeneration": generation,
        "conditions": [condition("Ready", status), condition(VALID, valid)],
    }


def of(said: Any, kind: str) -> dict[str, Any]:
    (found,) = [condition for condition in said["conditions"] if condition["type"] == kind]
    return dict(found)


def manager(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"manager": name, "operation": "Update", "fieldsV1": fields}


def test_limits_that_are_held_make_it_ready_at_their_generation() -> None:
    said = wanted(limitador(status=ready("True", 4)))
    assert said["observedGeneration"] == 5
    shared = {"status": "True", "observedGeneration": 5}
    assert said["conditions"] == [
        {
            "type": "Ready",
            **shared,
            "reason": "Ready",
            "message": "2 limits are held",
            "lastTransitionTime": THEN,
        },
        {
            "type": VALID,
            **shared,
            "reason": "Valid",
            "message": "every limit is held",
            "lastTransitionTime": THEN,
        },
        {
            "type": KNOWN,
            **shared,
            "reason": "Known",
            "message": "no other limits are asked for",
            "lastTransitionTime": NOW,
        },
    ]
    assert said["service"] == {"host": "here", "ports": {"grpc": 8081, "http": 8080}}


def test_limits_that_are_not_taken_make_it_not_ready_and_leave_the_generation_that_is_held() -> None:
    former = ready("True", 4, valid="False")
    said = wanted(limitador(status=former), refused="limits: must be a list")
    assert said["observedGeneration"] == 4
    found = of(said, "Ready")
    assert (found["status"], found["observedGeneration"]) == ("False", 5)
    assert found["lastTransitionTime"] == NOW
    assert found["message"] == "the limits are not taken, the last good ones stay: limits: must be a list"
    # What was said of single limits is about those that are held, and stays.
    assert of(said, VALID) == condition(VALID, "False")


def test_a_limit_that_is_left_out_is_named_and_the_others_are_ready() -> None:
    said = wanted(limitador(status=ready("True", 4)), "limit 'a' of 'ns'")
    assert said["observedGeneration"] == 5
    assert (of(said, "Ready")["status"], of(said, "Ready")["message"]) == (
        "True",
        "2 limits are held and 1 left out",
    )
    found = of(said, VALID)
    assert (found["status"], found["reason"], found["lastTransitionTime"]) == ("False", "LimitsLeftOut", NOW)
    assert found["message"] == "left out, and an error for whoever asks for them: limit 'a' of 'ns': no"


def test_what_another_release_holds_is_called_wrong_once() -> None:
    found = limitador(status=ready("True", 5))
    assert of(wanted(found, "limit a"), VALID)["status"] == "False"
    assert wanted(found, "limit a", overruled=True) is None
    assert of(wanted(found, refused="no"), "Ready")["status"] == "False"
    assert wanted(found, refused="no", overruled=True) is None


def test_what_another_release_calls_wrong_is_called_held() -> None:
    said = wanted(limitador(status=ready("False", 4, valid="False")))
    assert [one["status"] for one in said["conditions"]] == ["True"] * 3


KEYS = ("limit.a__01234567", "limit.b__01234567")
UNKNOWN = tuple(UnknownLimit("team/route", key) for key in KEYS)
FALSE = f"asked for, but not held, which is an error: {'; '.join(map(str, UNKNOWN))}"


def test_limits_that_are_asked_for_in_vain_are_named_until_they_are_not() -> None:
    said = of(wanted(limitador(status=ready("True", 5)), unknown=UNKNOWN), KNOWN)
    assert (said["status"], said["reason"], said["message"]) == ("False", "UnknownLimitAsked", FALSE)
    status = ready("True", 5)
    status["conditions"].append(said)
    assert of(wanted(limitador(status=status), said=FALSE), KNOWN)["status"] == "True"


@pytest.mark.parametrize(
    ("since", "unknown", "stays"),
    [
        ("2026-01-01T23:59:00Z", (), True),
        ("2026-01-01T23:59:00Z", UNKNOWN[:1], True),
        (THEN, UNKNOWN[:1], True),
        (THEN, (), False),
        ("yesterday", (), False),
        (7, (), False),
    ],
)
def test_what_another_replica_has_seen_is_not_contradicted_for_five_minutes(
    since: object, unknown: tuple[UnknownLimit, ...], stays: bool
) -> None:
    status = ready("True", 5)
    status["conditions"].append(condition(KNOWN, "False", message=FALSE) | {"lastTransitionTime": since})
    status["askedInVain"] = NAMED
    whole = wanted(limitador(status=status), unknown=unknown)
    assert (whole["askedInVain"] == NAMED) is stays
    said = of(whole, KNOWN)
    assert (said["status"] == "False") is stays
    assert not stays or said == status["conditions"][-1]


NAMED = [{"namespace": "team/route", "key": key} for key in KEYS]


def test_limits_that_are_not_held_are_named_by_their_keys() -> None:
    said = wanted(limitador(status=ready("True", 5)), unknown=UNKNOWN)
    assert (said["leftOut"], said["askedInVain"]) == ([], NAMED)
    out = LeftOut("limits[2]", ("a" * 400, "b"), "team/route", frozenset(KEYS))
    said = wanted(limitador(status=ready("True", 4)), out)
    assert said["leftOut"] == [{**one, "reason": "a" * 300} for one in NAMED]
    # One that cannot be taken at all says nothing of single limits: those that are held stay as they were.
    former = ready("True", 4, valid="False") | {"leftOut": NAMED}
    assert wanted(limitador(status=former), refused="no")["leftOut"] == NAMED


def test_no_more_are_named_than_there_is_room_for() -> None:
    many = tuple(UnknownLimit("n", f"limit.a__{number:08}") for number in range(500))
    assert len(wanted(limitador(), unknown=many)["askedInVain"]) == 100
    long = tuple(UnknownLimit("n", f"limit.{'a' * 1000}__{number:08}") for number in range(100))
    named = wanted(limitador(), unknown=long)["askedInVain"]
    assert 10 < len(named) < 17
    assert len(json.dumps(named)) < 17 << 10


def test_a_definition_without_room_for_them_gets_the_conditions_alone() -> None:
    said = wanted(limitador(), unknown=UNKNOWN, names=False)
    assert said.keys() == {"observedGeneration", "conditions", "service"}
    assert of(said, KNOWN)["message"] == FALSE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["Ready", VALID, KNOWN, "x"]) | JSON},
            optional={"status": JSON, "lastTransitionTime": JSON, "message": JSON},
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_no_status_that_somebody_left_there_keeps_ours_from_being_said(
    found: list[Any], is_refused: bool
) -> None:
    said = wanted(limitador(status={"conditions": found}), refused="no" if is_refused else None)
    assert of(said, "Ready")["status"] == ("False" if is_refused else "True")


def test_many_and_long_mistakes_fit_into_a_condition() -> None:
    many = tuple("x" * 100_000 for _ in range(500))
    said = wanted(limitador(), *many, unknown=tuple(UnknownLimit("n", text) for text in many))
    for kind in (VALID, KNOWN):
        assert len(of(said, kind)["message"]) < 32_768
        assert of(said, kind)["message"].endswith("; and 490 more")
    assert len(of(wanted(limitador(), refused=many[0]), "Ready")["message"]) < 32_768


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
                "2 limits are held; spec.storage is supported as redis or redis-cached with a "
                "configSecretRef: "
                "counters are in memory, of each replica by itself"
            ),
        ),
    ],
)
def test_where_is_counted_is_told(storage: Any, told: str) -> None:
    said = wanted(limitador(spec={"storage": storage}))
    assert said["conditions"][0]["message"] == told


OF_PODS = {"affinity", "pdb", "replicas", "resourceRequirements"}
"""What the operator brings the service's pods to, and tells of."""
READ = {"limits", "storage", "rateLimitHeaders", *OF_PODS}
OF_LIMITADOR_OPERATOR = (
    *("affinity", "replicas", "version", "listener", "storage", "rateLimitHeaders", "telemetry", "tracing"),
    *("limits", "pdb", "resourceRequirements", "verbosity", "image", "imagePullSecrets"),
    "metricLabelsDefault",
)
"""The fields that the limitador-operator's definition has, as of April 2026."""


@pytest.mark.parametrize("field", OF_LIMITADOR_OPERATOR)
def test_a_field_that_nothing_follows_from_is_named(field: str) -> None:
    value = [] if field == "limits" else {"redis": {"configSecretRef": {"name": "x"}}}
    message = wanted(limitador(spec={field: value}))["conditions"][0]["message"]
    assert message.endswith(
        f"; nothing follows from spec.{field}, which only the limitador-operator reads"
    ) == (field not in READ)


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
    # One replica finds the limits right, the other wrong; they look in any order, a new generation may come
    # at any time.
    generation, called_wrong, writes = 1, 0, 0
    status: dict[str, Any] = {}
    for takes, anew in [*turns, (True, False), (False, False), (True, False)]:
        generation += anew
        said = wanted(
            limitador(generation, status),
            *([] if takes else ["limit a"]),
            overruled=called_wrong == generation,
            now=f"2026-01-01T00:00:{writes % 60:02}Z",
        )
        if said is not None and said != status:
            status, writes = said, writes + 1
            called_wrong = called_wrong if takes else generation
    assert writes <= 3 * generation
    assert [one["status"] for one in status["conditions"]] == ["True"] * 3


def test_a_process_that_can_send_traces_says_that_it_reads_where() -> None:
    found = limitador(spec={"tracing": {"endpoint": "http://collector:4317"}})
    cannot, can = wanted(found), wanted(found, traces=True)
    assert "tracing" not in cannot["reads"]
    assert cannot["conditions"][0]["message"].endswith(
        "spec.tracing, which only the limitador-operator reads"
    )
    assert can["reads"] == [*cannot["reads"], "tracing"]
    assert can["conditions"][0]["message"] == "2 limits are held"
