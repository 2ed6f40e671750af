"""Holds what the console shows as one frozen value: the records of other rooms, at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from kuadrant.api.meta import Condition
from kuadrant.explanation import Configuration
from kuadrant.findings import Finding
from kuadrant.status import Report
from kuadrant.topology import RouteChanges, Topology

MOST_TOLD: Final = 50
"""Of what one edit changed, or what is wrong with it, so much is shown; of the rest the number."""
_MOST_EDITS: Final = 50


class Edit(Struct, frozen=True, kw_only=True):
    """Holds what an edit changed, once it was live.

    Attributes:
        at: When, in seconds since 1970.
        routes: The routes whose limits are others now.
        more: How many more there are.
    """

    at: float
    routes: tuple[RouteChanges, ...]
    more: int = 0


class RefusedChange(Struct, frozen=True, kw_only=True):
    """A change that is not applied: what ran before goes on.

    Attributes:
        at: When it was refused, in seconds since 1970.
        findings: The mistakes in it, each with its place.
        reasons: Why else, in the words of whoever refuses it.
        more: How many more mistakes there are.
    """

    at: float
    findings: tuple[Finding, ...] = ()
    reasons: tuple[str, ...] = ()
    more: int = 0


class ConsoleState(Struct, frozen=True, kw_only=True):
    """All that the console knows.

    Attributes:
        place: Where the objects are, for people: a folder, or a cluster.
        version: Grows with each change.
        since: When the configuration became live, in seconds since 1970.
        configuration: What is live, to be asked what becomes of requests; None before it is known.
        topology: What hangs on what.
        findings: What is suspicious in the objects.
        conditions: What is said of each policy (``namespace/name``).
        report: What gateways run, and how that is known; None if it cannot be had.
        refused: The last change, if it is not applied.
        edits: What changed, the latest first.
        notes: What cannot be shown, and why.
    """

    place: str
    version: int = 0
    since: float = 0.0
    configuration: Configuration | None = None
    topology: Topology = Topology(classes=())
    findings: tuple[Finding, ...] = ()
    conditions: Mapping[str, tuple[Condition, ...]] = MappingProxyType({})
    report: Report | None = None
    refused: RefusedChange | None = None
    edits: tuple[Edit, ...] = ()
    notes: tuple[str, ...] = ()

    def edits_with(self, routes: Sequence[RouteChanges], at: float) -> tuple[Edit, ...]:
        """Return the edits with one at ``at`` that changed ``routes``, if there are any; the oldest goes."""
        if not routes:
            return self.edits
        edit = Edit(at=at, routes=tuple(routes[:MOST_TOLD]), more=max(0, len(routes) - MOST_TOLD))
        return (edit, *self.edits[: _MOST_EDITS - 1])
