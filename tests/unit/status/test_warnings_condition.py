"""What is hardly meant is told in a condition of its own, and takes nothing from what else is said."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest

from kuadrant.compiler import PolicyFacts
from kuadrant.policy.model import Policy, Target
from kuadrant.policy.policy_acceptance import Acceptance
from kuadrant.status import (
    WARNINGS,
    Evidence,
    PolicyStatus,
    Remark,
    policy_status,
    remark_notices,
    with_warnings,
)

ACCEPTED = Acceptance("Accepted", "RateLimitPolicy has been accepted")
FACTS = PolicyFacts(policy=Policy("ns", "p", Target("HTTPRoute", "ns", "route")), acceptance=ACCEPTED)


def remark(
    message: str, *, severity: Literal["error", "warning", "note"] = "warning", field: str = "spec.when[0]"
) -> Remark:
    return Remark("odd", severity, field, message)


def status(*remarks: Remark, acceptance: Acceptance = ACCEPTED) -> PolicyStatus:
    facts = msgspec.structs.replace(FACTS, acceptance=acceptance)
    return with_warnings(policy_status(facts, Evidence()), remarks)


def told(former: PolicyStatus, now: PolicyStatus) -> list[tuple[str, str, str]]:
    """Type, reason and note of each Event, where ``now`` takes the place of a status that was written."""
    written: list[dict[str, Any]] = msgspec.to_builtins(former.conditions)
    return [(one.type, one.reason, one.note) for one in remark_notices(written, now)]


def test_without_warnings_there_is_no_such_condition() -> None:
    assert [one.type for one in status().conditions] == ["Accepted", "Enforced"]


def test_warnings_stand_beside_what_else_is_said() -> None:
    *others, condition = status(remark("is odd"), remark("is strange")).conditions
    assert tuple(others) == status().conditions
    assert (condition.type, condition.status, condition.reason) == (WARNINGS, "True", "Warned")
    assert condition.message == "spec.when[0] (odd): is odd; spec.when[0] (odd): is strange"


def test_the_gravest_come_first_and_each_once() -> None:
    found = (remark("a note", severity="note"), remark("a warning"), remark("a warning"))
    condition = status(*found).conditions[-1]
    assert condition.message == "spec.when[0] (odd): a warning; spec.when[0] (odd): a note"


def test_notes_alone_are_no_warning() -> None:
    condition = status(remark("is worth knowing", severity="note")).conditions[-1]
    assert (condition.type, condition.status, condition.reason) == (WARNINGS, "False", "Noted")


def test_why_a_policy_is_not_accepted_is_not_said_again() -> None:
    refused = status(remark("is odd"), acceptance=msgspec.structs.replace(ACCEPTED, reason="Invalid"))
    assert [one.type for one in refused.conditions] == ["Accepted"]
    assert told(status(), refused) == []


def test_many_and_long_ones_fit_into_a_condition() -> None:
    message = status(*(remark(f"{number} {'x' * 50_000}") for number in range(30))).conditions[-1].message
    assert len(message) < 32_768
    assert message.endswith("; and 25 more")


@pytest.mark.parametrize(
    ("severity", "type_and_reason"), [("warning", ("Warning", "Warned")), ("note", ("Normal", "Noted"))]
)
def test_an_event_tells_what_is_new(
    severity: Literal["warning", "note"], type_and_reason: tuple[str, str]
) -> None:
    old, new = remark("is odd"), remark("is strange", severity=severity, field="spec.when[1]")
    assert told(status(old), status(old, new)) == [(*type_and_reason, "spec.when[1] (odd): is strange")]


def test_what_a_condition_has_already_is_told_by_no_event() -> None:
    """Also where its words are others now: that it is counted for 3 routes, then for 4."""
    assert told(status(remark("for 3 routes")), status(remark("for 4 routes"))) == []
    assert told(status(remark("is odd")), status()) == []


def test_what_a_condition_has_no_room_for_is_told_when_there_is() -> None:
    found = [remark("is odd", field=f"spec.when[{number}]") for number in range(6)]
    assert len(told(status(), status(*found))) == 5
    assert told(status(*found), status(*found[1:])) == [("Warning", "Warned", "spec.when[5] (odd): is odd")]
