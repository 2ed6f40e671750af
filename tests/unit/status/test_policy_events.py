"""What of a policy's conditions is worth an Event."""

from __future__ import annotations

from typing import Any

import pytest

from kuadrant.status.policy_events import Notice, notices


def conditions(accepted: str, enforced: str = "", *, reason: str = "Unknown") -> list[dict[str, Any]]:
    """Accepted with a reason, and Enforced, which is True, False or not there."""
    ok = accepted == "Accepted"
    found = [{"type": "Accepted", "status": str(ok), "reason": accepted, "message": "about acceptance"}]
    if enforced:
        reason = "Enforced" if enforced == "True" else reason
        found.append(
            {"type": "Enforced", "status": enforced, "reason": reason, "message": "about enforcement"}
        )
    return found


NEW: list[dict[str, Any]] = []
WAITS = conditions("Accepted", "False")
ENFORCED = conditions("Accepted", "True")


@pytest.mark.parametrize(
    ("former", "now", "told"),
    [
        pytest.param(NEW, ENFORCED, ("Normal", "Enforced"), id="it is enforced"),
        pytest.param(WAITS, ENFORCED, ("Normal", "Enforced"), id="it is enforced at last"),
        pytest.param(ENFORCED, WAITS, ("Warning", "NotEnforced"), id="it is enforced no longer"),
        pytest.param(
            NEW,
            conditions("Accepted", "False", reason="Overridden"),
            ("Warning", "Overridden"),
            id="another's",
        ),
        pytest.param(NEW, conditions("TargetNotFound"), ("Warning", "TargetNotFound"), id="no target"),
        pytest.param(ENFORCED, conditions("TargetNotFound"), ("Warning", "TargetNotFound"), id="target gone"),
        pytest.param(
            conditions("Conflicted"), conditions("Invalid"), ("Warning", "Invalid"), id="another reason"
        ),
        pytest.param(NEW, WAITS, None, id="it is on its way"),
        pytest.param(ENFORCED, ENFORCED, None, id="nothing new"),
        pytest.param(conditions("TargetNotFound"), conditions("TargetNotFound"), None, id="still not"),
    ],
)
def test_what_is_told(
    former: list[dict[str, Any]], now: list[dict[str, Any]], told: tuple[str, str] | None
) -> None:
    assert [(one.type, one.reason) for one in notices(former, now)] == ([] if told is None else [told])


def test_it_is_told_in_the_words_of_the_condition() -> None:
    assert list(notices(NEW, ENFORCED)) == [Notice("Normal", "Enforced", "Enforce", "about enforcement")]
