"""Brings decisions to the gateways that ask, and tells when the former way to the module may go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.gateways.delivery_mode import asks
from kuadrant.incremental import kept
from kuadrant.operator.core.times import PROVIDER_HEARD_SECONDS
from kuadrant.operator.push.gateway_pods import GatewayPods, gateway_pods
from kuadrant.operator.push.server import pod_states
from kuadrant.status import undelivered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kuadrant.api.pod import Pod
    from kuadrant.gateways.provider import PodSelector
    from kuadrant.kube.kind import Key
    from kuadrant.kube.store import Change
    from kuadrant.operator.core.decision import Decision, GatewayDecision
    from kuadrant.operator.push.server import Push
    from kuadrant.status import Content, FilterState, PodState


class Delivery:
    """Gives decisions to the push server, and collects what pods have said.

    Args:
        push: the push server of this replica. Without it there is nothing to take and nothing to tell.
        heard: what pods have said to each of the other replicas.
    """

    def __init__(
        self,
        push: Push | None = None,
        heard: Callable[[], Iterable[Mapping[str, tuple[FilterState, ...]]]] = tuple,
    ) -> None:
        self._push = push
        self._heard = heard
        self._pods = GatewayPods()
        self._selectors: dict[Key, PodSelector] = {}
        self._stale = True
        self._said: tuple[Mapping[str, tuple[FilterState, ...]], ...] = ()
        self._in_use_since: dict[Key, float] = {}

    def note(self, changes: Iterable[Change[Pod]]) -> bool:
        """Note what became of pods; return whether it can matter."""
        moved = self._push is not None and any(map(_moves, changes))
        self._stale |= moved
        return moved

    async def take(self, decision: Decision, pods: Callable[[], Iterable[Pod]]) -> None:
        """Have a decision served; the pods are asked for if they are needed."""
        if self._push is None:
            return
        wanted = ((key, one.wanted.pods) for key, one in decision.gateways.items())
        selectors = {key: selector for key, selector in wanted if selector is not None}
        if self._stale or selectors != self._selectors:
            self._stale, self._selectors = False, selectors
            self._pods = kept(self._pods, gateway_pods(pods(), selectors))
        await self._push.take(decision, self._pods)
        self._said = (self._push.deliveries(), *self._heard())

    def of(
        self, key: Key, decision: GatewayDecision
    ) -> tuple[dict[str, Content] | None, tuple[PodState, ...]]:
        """Return what the pods of a gateway are to run, and what each of them has said.

        None if the gateway does not ask.
        """
        if self._push is None or not decision.wanted.pushed:
            return None, ()
        return self._push.wanted(decision), pod_states(self._pods, key, self._said)

    def pods_of(self, key: Key) -> tuple[PodState, ...]:
        """Return the pods of a gateway and what each of them has said, whether or not it asks."""
        return pod_states(self._pods, key, self._said)

    def may_go(
        self, key: Key, decision: GatewayDecision, *, written: bool, accepted: bool, now: float
    ) -> tuple[tuple[Mapping[str, Any], ...], float]:
        """Return the objects that may be deleted now, and the seconds until asking again (0: no need).

        What something takes the place of goes when that is written, not before: until then it is all that
        limits. One way to the module goes when the other is known to be in use: everything is written, and
        accepted by the provider. For a plugin, too, every pod that gets requests has said that it runs what
        it asked for, and after that the provider's pods have had the time to close the connections for which
        only the plugin is there. What makes pods ask stays until the provider has heard of the plugin: it
        hears of what comes and of what goes by streams of their own.

        Args:
            key: the gateway.
            decision: what was decided for it.
            written: its objects are as they are wanted.
            accepted: they are, by its provider.
            now: seconds of a clock that does not go back.
        """
        gone = decision.obsolete
        wanted, pods = self.of(key, decision)
        if not decision.wanted.objects or (wanted is None and not any(map(asks, gone))):
            self._in_use_since.pop(key, None)
            return gone if written or not decision.wanted.objects else (), 0.0
        if not gone or not (written and accepted):
            self._in_use_since.pop(key, None)
            return (), 0.0
        if wanted is not None and undelivered(wanted, pods):
            return (), 0.0
        seconds = PROVIDER_HEARD_SECONDS if wanted is None else _drain(decision)
        left = self._in_use_since.setdefault(key, now) + seconds - now
        return ((), left) if left > 0 else (gone, 0.0)


def _drain(decision: GatewayDecision) -> float:
    return 0.0 if decision.provider is None else decision.provider.DRAIN


def _moves(change: Change[Pod]) -> bool:
    """Tell whether a pod has moved, has other labels, or is ready or no longer so."""
    before, after = ((entry.object if entry else None) for entry in (change.old, change.new))
    if before is None or after is None:
        return True
    return (before.addresses, before.ready, before.metadata.labels) != (
        after.addresses,
        after.ready,
        after.metadata.labels,
    )
