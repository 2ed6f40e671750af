"""Follows which gateways show the rate limit service a token, so that it may refuse everybody else."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from kuadrant.operator.core.callers_evidence import Caller, CallersEvidence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.decision import Decision, GatewayDecision
    from kuadrant.operator.core.known_facts import Known
    from kuadrant.operator.core.version_arrivals import Arrivals
    from kuadrant.operator.core.world import World


class TokenSpread:
    """Notes, decision by decision, which gateways have a token.

    Args:
        retention_seconds: for how long a gateway may go on with what it had before.

    Attributes:
        spread: is called when every gateway has a token of the current key and there is a former one.
    """

    def __init__(self, retention_seconds: Callable[[GatewayDecision], float]) -> None:
        self._retention_seconds = retention_seconds
        self.spread: Callable[[], None] = lambda: None
        self._callers: Mapping[Key, Caller] = {}
        self.evidence = CallersEvidence()

    def note(self, world: World, known: Known, decision: Decision, arrivals: Arrivals, now: float) -> bool:
        """Note which gateways have tokens; return whether that changes what is to be decided."""
        if known.keys is None:
            return False
        self._callers = {
            key: Caller(bool(one.limits), bool(world.existing.get(key)), self._retention_seconds(one))
            for key, one in decision.gateways.items()
        }
        keys = None if known.module.prove is None or not known.refuses else known.keys
        self.evidence.note(self._callers, keys, decision.mark, arrivals, now)
        if known.keys.held[1:] and self.evidence.are_spread(known.keys):
            self.spread()
        return self.evidence.mark != known.mark

    def due(self, arrivals: Arrivals, now: float) -> float | None:
        """Return when more may be known of a gateway, if nothing comes between.

        None if that takes more than time.
        """
        due = self.evidence.next_at(self._callers, arrivals, now)
        return due if due < inf else None
