"""Statuses in a terminal."""

from __future__ import annotations

from kuadrant.api.meta import Condition
from kuadrant.status import PolicyStatus, as_text


def test_each_condition_has_a_line_in_even_columns() -> None:
    statuses = [
        PolicyStatus(
            "default",
            "toystore",
            (
                Condition(type="Accepted", status="True", reason="Accepted", message="taken"),
                Condition(type="Enforced", status="False", reason="Unknown", message="waiting"),
            ),
        ),
        PolicyStatus("a", "b", (Condition(type="Accepted", status="False", reason="Invalid", message="no"),)),
    ]
    assert as_text(statuses) == (
        "default/toystore  Accepted=True   Accepted  taken\n"
        "default/toystore  Enforced=False  Unknown   waiting\n"
        "a/b               Accepted=False  Invalid   no\n"
    )


def test_no_policy_is_no_text() -> None:
    assert as_text([]) == ""
