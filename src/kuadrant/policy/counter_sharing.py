"""Decides whether the routes that a policy of v1 covers share its counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from kuadrant.policy.model import Mistake

if TYPE_CHECKING:
    from collections.abc import Mapping

COUNTERS_ANNOTATION: Final = "kuadrant.io/counters"
"""On a ``kuadrant.io/v1`` policy.

``per-route``, as without it, or ``shared`` by all routes that the policy covers.
"""

_COUNTED_UNDER: Final[dict[str, Literal["policy", "route"]]] = {"per-route": "route", "shared": "policy"}


def counter_sharing(
    annotations: Mapping[str, str],
) -> tuple[Literal["policy", "route"], tuple[Mistake, ...]]:
    """Return under whose name limits are counted, and what is wrong with the annotation."""
    word = annotations.get(COUNTERS_ANNOTATION, "per-route")
    if word in _COUNTED_UNDER:
        return _COUNTED_UNDER[word], ()
    field = ("metadata", "annotations", COUNTERS_ANNOTATION)
    message = f'"{word}" is neither "per-route" nor "shared"; all routes share their counters'
    # One counter for all routes is the stricter of the two.
    return "policy", (Mistake(field, message),)
