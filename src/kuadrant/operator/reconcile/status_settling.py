"""Holds back what may pass by itself: that a policy is not enforced, that something is not ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.operator.core.times import BEHIND_SECONDS, SETTLE_SECONDS

if TYPE_CHECKING:
    from kuadrant.kube.kind import StoredObject
    from kuadrant.operator.core.kinds import StoredPolicy
    from kuadrant.status import PolicyStatus


class Settling:
    """Tells that something is not well, once it has been so for a while without a break."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    def note(self, *, well: bool, now: float) -> None:
        """Note whether it is well."""
        if well:
            self._since = None
        elif self._since is None:
            self._since = now

    def left(self, now: float) -> float:
        """Return for how many seconds nothing is to be told yet; 0 also where all is well."""
        return 0.0 if self._since is None else max(0.0, self._since + self._seconds - now)


def seconds_before_said(status: PolicyStatus, stored: StoredObject[StoredPolicy]) -> float:
    """Return for how many seconds a status has to hold before it is said.

    One that takes back what was said of this very policy, longest.
    """
    if not status.waiting:
        return 0.0
    generation = stored.object.metadata.generation
    enforced = any(
        (one.get("type"), one.get("status"), one.get("observedGeneration"))
        == ("Enforced", "True", generation)
        for one in stored.object.status.get("conditions") or ()
    )
    return BEHIND_SECONDS if enforced else SETTLE_SECONDS
