"""The requests that the limits of a policy are not for: by a field, or by the annotation of the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.policy.extension_annotation import mistake_at

if TYPE_CHECKING:
    from kuadrant.api.policy_extensions import Extensions, ReadExtensions
    from kuadrant.api.rate_limit_policy import Predicate
    from kuadrant.policy.model import Mistake


def no_exemptions(said: ReadExtensions[Extensions]) -> tuple[Mistake, ...]:
    """Return what is wrong with the annotation of a policy of ``v1beta2``, in which nothing is exempt."""
    if not said.extensions.exempt:
        return ()
    return (mistake_at(said, ("exempt",), "is of kuadrant.io/v1: write the policy in it"),)


def exemptions(
    field: tuple[Predicate, ...], said: ReadExtensions[Extensions]
) -> tuple[tuple[Predicate, ...], tuple[Mistake, ...]]:
    """Return what the field or the annotation of a policy exempts, and what is wrong with the annotation."""
    exempt = said.extensions.exempt
    if field and exempt is not None and exempt != field:
        message = "is not what the field of the policy says: leave one out"
        return field, (mistake_at(said, ("exempt",), message),)
    return exempt or field, ()
