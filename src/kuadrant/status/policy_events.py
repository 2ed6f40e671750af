"""Picks what is worth an Event of a policy.

That it came into effect, is no longer in effect, or is not accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Notice(Struct, frozen=True):
    """Holds an Event without its object."""

    type: Literal["Normal", "Warning"]
    reason: str
    action: str
    note: str


def notices(former: Iterable[Mapping[str, Any]], conditions: Iterable[Mapping[str, Any]]) -> Iterator[Notice]:
    """Yield what is to be told when conditions of a policy take the place of former ones.

    That a policy is accepted, or is not enforced yet, is only a step on the way.
    """
    before, now = _by_type(former), _by_type(conditions)
    accepted, enforced = now.get("Accepted"), now.get("Enforced")
    if accepted is not None and accepted["status"] != "True":
        if _differs(before.get("Accepted"), accepted):
            yield Notice("Warning", accepted["reason"], "Accept", accepted["message"])
    elif enforced is not None and _differs(before.get("Enforced"), enforced):
        if enforced["status"] == "True":
            yield Notice("Normal", "Enforced", "Enforce", enforced["message"])
        elif "Enforced" in before or enforced["reason"] != "Unknown":
            reason = "NotEnforced" if enforced["reason"] == "Unknown" else enforced["reason"]
            yield Notice("Warning", reason, "Enforce", enforced["message"])


def _by_type(conditions: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {condition["type"]: condition for condition in conditions}


def _differs(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    return before is None or (before["status"], before["reason"]) != (now["status"], now["reason"])
