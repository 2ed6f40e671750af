"""All that can be wrong, by code, and what is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.doctor import cluster_symptoms, installation_symptoms, object_symptoms, policy_symptoms
from kuadrant.doctor.finding import in_order

if TYPE_CHECKING:
    from kuadrant.doctor.facts import Facts
    from kuadrant.doctor.finding import Finding

_SUBJECTS: Final = (cluster_symptoms, installation_symptoms, policy_symptoms, object_symptoms)
SYMPTOMS: Final = {one.code: one for subject in _SUBJECTS for one in subject.SYMPTOMS}


def examined(facts: Facts) -> tuple[Finding, ...]:
    """Return what is wrong, from the gravest on."""
    return in_order(one for subject in _SUBJECTS for one in subject.examined(facts))
