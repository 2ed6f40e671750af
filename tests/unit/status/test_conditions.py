"""Conditions written back: ours renewed, everybody else's untouched, times kept while nothing changes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api.meta import Condition
from kuadrant.status import merged_conditions
from kuadrant.status.conditions import LONGEST_MESSAGE

BEFORE, NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"
OURS = ("Accepted", "Enforced")
TRUE = Condition(type="Accepted", status="True", reason="Accepted", message="yes")
FALSE = Condition(type="Accepted", status="False", reason="Conflicted", message="no")
FOREIGN: dict[str, Any] = {"type": "Seen", "status": "True", "somethingNew": {"a": 1}}


def _merged(existing: list[dict[str, Any]], *wanted: Condition, generation: int = 1, now: str = NOW) -> Any:
    return merged_conditions(existing, wanted, ours=OURS, generation=generation, now=now)


WRITTEN = {
    "type": "Accepted",
    "status": "True",
    "reason": "Accepted",
    "message": "yes",
    "observedGeneration": 1,
    "lastTransitionTime": NOW,
}


def test_a_new_condition_is_since_now() -> None:
    assert _merged([], TRUE) == [WRITTEN]


def test_the_same_again_is_the_same() -> None:
    assert _merged([WRITTEN], TRUE, now=LATER) == [WRITTEN]


def test_a_new_message_keeps_the_time() -> None:
    renewed = Condition(type="Accepted", status="True", reason="Accepted", message="still")
    assert _merged([WRITTEN], renewed, now=LATER) == [WRITTEN | {"message": "still"}]


def test_of_a_message_that_would_be_refused_the_beginning_and_the_end_are_said() -> None:
    long = Condition(type="Accepted", status="False", message="a" * 40_000 + "; generation 3 stays")
    (condition,) = _merged([], long)
    assert len(condition["message"]) == LONGEST_MESSAGE
    assert condition["message"].startswith("aaa")
    assert condition["message"].endswith("; generation 3 stays")
    assert _merged([condition], long, now=LATER) == [condition]


def test_a_new_generation_keeps_the_time() -> None:
    assert _merged([WRITTEN], TRUE, generation=2, now=LATER) == [WRITTEN | {"observedGeneration": 2}]


def test_a_new_status_is_since_now() -> None:
    (condition,) = _merged([WRITTEN], FALSE, now=LATER)
    assert (condition["status"], condition["lastTransitionTime"]) == ("False", LATER)


def test_what_is_not_wanted_any_more_goes() -> None:
    assert _merged([WRITTEN, FOREIGN]) == [FOREIGN]


def test_what_others_say_stays_as_and_where_it_is() -> None:
    assert _merged([FOREIGN, WRITTEN, {"type": "Last", "status": "Unknown"}], FALSE)[0] == FOREIGN
    assert [one["type"] for one in _merged([WRITTEN, FOREIGN], FALSE)] == ["Accepted", "Seen"]


CONDITIONS = st.lists(
    st.builds(
        Condition,
        type=st.sampled_from(OURS),
        status=st.sampled_from(["True", "False"]),
        message=st.sampled_from(["", "a"]),
    ),
    unique_by=lambda condition: condition.type,
)


@given(CONDITIONS, CONDITIONS, st.booleans())
def test_what_was_written_is_not_written_again(
    first: list[Condition], second: list[Condition], foreign: bool
) -> None:
    existing = _merged([FOREIGN] if foreign else [], *first, now=BEFORE)
    written = _merged(existing, *second)
    assert _merged(written, *second, now=LATER) == written
    assert {one["type"] for one in written} == {c.type for c in second} | ({"Seen"} if foreign else set())
