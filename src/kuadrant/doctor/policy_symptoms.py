"""What is wrong with policies: that they are refused, or that a limit was left to watch and forgotten."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import msgspec

from kuadrant.api.limit_mode import SOFT
from kuadrant.doctor.facts import named
from kuadrant.doctor.finding import Finding, Symptom
from kuadrant.operator.core import kinds, stored_policy
from kuadrant.policy.version_conversion import to_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.doctor.facts import Document, Facts

FORGOTTEN_DAYS: Final = 14
"""As the alert KuadrantShadowLimitForgotten has it."""
POLICIES = Symptom(
    "policies-refused",
    "warning",
    "What they say now is not in effect.",
    "Their condition `Accepted` says why (docs/reasons.md).",
)
FORGOTTEN = Symptom(
    "shadow-forgotten",
    "warning",
    "A limit that only watches is meant to be enforced one day: nobody is refused by it until then. It is "
    f"said where nobody has edited the policy for {FORGOTTEN_DAYS} days.",
    "See what it would have refused (`kuadrant status policy NAME`), and remove `mode`, or the limit.",
)
SYMPTOMS: Final = (POLICIES, FORGOTTEN)


def examined(facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong with policies, where there is an installation that they are for."""
    if not facts.is_installed:
        return
    policies = facts.all("RateLimitPolicy")
    refused = [one for one in policies if _is_refused(one)]
    if refused:
        first = named(refused[0])
        many = "is 1 policy that is" if len(refused) == 1 else f"are {len(refused)} policies that are"
        yield POLICIES.found(f"there {many} not accepted, such as {first}", first)
    for one in policies:
        edited = _edited(one)
        if edited is None or facts.now - edited.timestamp() < FORGOTTEN_DAYS * 86_400:
            continue
        for name in _in_shadow(one):
            days = int((facts.now - edited.timestamp()) / 86_400)
            message = f"the limit {name} of {named(one)} is in shadow, and was not edited for {days} days"
            yield FORGOTTEN.found(message, named(one))


def _is_refused(policy: Document) -> bool:
    conditions = policy.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Accepted" and one["status"] == "False" for one in conditions)


def _edited(policy: Document) -> dt.datetime | None:
    """Return when anybody has last edited what a policy says, by those who own its fields."""
    times = (
        entry["time"]
        for entry in policy["metadata"].get("managedFields") or ()
        if "time" in entry and not entry.get("subresource") and entry.get("manager") != kinds.MANAGER
    )
    return max(map(dt.datetime.fromisoformat, times), default=None)


def _in_shadow(policy: Document) -> list[str]:
    try:
        found = to_model(stored_policy.read(msgspec.convert(policy, kinds.StoredPolicy)))
    except msgspec.ValidationError:
        return []
    return [one.name for one in found.limits if one.rates and not one.refuses and one.mode != SOFT]
