"""Tells which limits the rate limit service holds, by what it says of the Limitador resource.

The service says which generation of the resource it has taken. While one edit comes after the other that is
never the newest: a limit is held if it has been in the resource, without a break, since a generation that was
taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.counter_identity import Identity
from kuadrant.api.limit_packing import limits_of
from kuadrant.api.limitador import Limit

if TYPE_CHECKING:
    from kuadrant.api.limitador import Limitador


class HeldLimits(Struct, frozen=True):
    """Holds the limits that the service has.

    Attributes:
        limits: the limits.
        identities: what they count (Limit.identity), whatever their values.
    """

    limits: frozenset[Limit]
    identities: frozenset[Identity]


NOTHING = HeldLimits(frozenset(), frozenset())


class HeldLimitsTracker:
    """Follows one Limitador resource.

    A limit that was first seen at a generation is held when the service has taken that one.
    """

    def __init__(self) -> None:
        self._resource: Limitador | None = None
        self._since: dict[Limit, int] = {}
        self._held: HeldLimits | None = None
        self.present: tuple[Limit, ...] = ()
        """The limits of the resource; those that cannot be read are left out."""

    def of(self, resource: Limitador | None) -> HeldLimits | None:
        """Return the limits that are held.

        None if that is not known: there is no resource, or the service does not say that it is ready.
        """
        if resource is self._resource:
            return self._held
        if resource is None or (self._resource and _is_anew(resource, self._resource)):
            self._since = {}
        self._resource = resource
        if resource is None:
            self.present, limits = (), None
        else:
            generation = resource.metadata.generation
            self.present = limits_of(resource.spec)[0]
            self._since = {limit: self._since.get(limit, generation) for limit in self.present}
            taken = resource.status.observed_generation
            limits = (
                frozenset(limit for limit, since in self._since.items() if since <= taken)
                if says_ready(resource)
                else None
            )
        if limits is None:
            self._held = None
        elif self._held is None or self._held.limits != limits:
            self._held = HeldLimits(limits, frozenset(limit.identity for limit in limits))
        return self._held


def _is_anew(resource: Limitador, former: Limitador) -> bool:
    """Tell whether generations are counted anew.

    That is so if the resource was made anew, or is again as it was: the API server was restored from a
    backup.
    """
    one, other = resource.metadata, former.metadata
    return one.uid != other.uid or one.generation < other.generation


def says_ready(resource: Limitador) -> bool:
    """Tell whether the rate limit service says that it serves what it has seen of the resource."""
    return any(
        condition.get("type") == "Ready" and condition.get("status") == "True"
        for condition in resource.status.conditions
    )
