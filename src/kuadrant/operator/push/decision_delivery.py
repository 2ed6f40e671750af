"""Brings decisions to the gateways that ask, and tells what their pods have said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.incremental import kept
from kuadrant.operator.push.gateway_pods import GatewayPods, gateway_pods
from kuadrant.operator.push.server import pod_states

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

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

    def hold_back(self, ready: Callable[[str], Awaitable[object]]) -> None:
        """Tell a pod that has just come nothing before ``ready``, called with its IP address, has ended."""
        if self._push is not None:
            self._push.hold_back(ready)

    @property
    def is_asked(self) -> bool:
        """Tell whether a pod is connected to this replica."""
        return self._push is not None and self._push.is_asked

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

    def gateways_at(self, address: str) -> frozenset[Key]:
        """Return the gateways that the pods at an IP address serve."""
        return frozenset(key for pod in self._pods.at(address) for key in pod.gateways)

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
