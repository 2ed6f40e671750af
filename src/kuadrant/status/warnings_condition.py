"""The condition of our own by which a policy that is accepted tells what is hardly meant, and its Events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from kuadrant.api.meta import Condition
from kuadrant.status.policy_events import Notice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kuadrant.status.policy_status import PolicyStatus
    from kuadrant.status.remark import Remark

WARNINGS: Final = "kuadrant.io/Warnings"
_TOLD: Final = 5
_RANK: Final = {"error": 0, "warning": 1, "note": 2}


def with_warnings(status: PolicyStatus, remarks: Iterable[Remark]) -> PolicyStatus:
    """Return ``status`` with what its author ought to look at; as it is if that is nothing.

    The gravest are told in the condition. Why a policy is not accepted is said by that condition alone.
    """
    ordered = tuple(sorted(dict.fromkeys(remarks), key=lambda one: _RANK[one.severity]))
    if not ordered:
        return status
    status = replace(status, remarks=ordered)
    if not any(one.type == "Accepted" and one.status == "True" for one in status.conditions):
        return status
    texts = [*map(str, ordered[:_TOLD])]
    if more := len(ordered) - len(texts):
        texts.append(f"and {more} more")
    if ordered[0].severity == "note":
        condition = Condition(type=WARNINGS, status="False", reason="Noted", message="; ".join(texts))
    else:
        condition = Condition(type=WARNINGS, status="True", reason="Warned", message="; ".join(texts))
    return replace(status, conditions=(*status.conditions, condition))


def remark_notices(former: Iterable[Mapping[str, Any]], status: PolicyStatus) -> Iterator[Notice]:
    """Yield what is to be told of the remarks in a condition that ``former`` conditions did not have.

    What was told is known by the condition, so another leader, or a restart, tells nothing again.
    """
    if not any(one.type == WARNINGS for one in status.conditions):
        return
    before = next((str(one.get("message")) for one in former if one.get("type") == WARNINGS), "")
    for one in status.remarks[:_TOLD]:
        if one.place not in before:
            if one.severity == "note":
                yield Notice("Normal", "Noted", "Check", str(one))
            else:
                yield Notice("Warning", "Warned", "Check", str(one))
