"""Decides when the former way to the module goes, so that no request is limited by neither. Time is given."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from kuadrant.gateways.delivery_mode import asks
from kuadrant.gateways.providers import linger
from kuadrant.operator.core.times import PROVIDER_HEARD_SECONDS
from kuadrant.status import undelivered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.decision import GatewayDecision
    from kuadrant.status import Content, PodState


class DeliverySwitch:
    """Remembers for each gateway since when its new way to the module is in use."""

    def __init__(self) -> None:
        self._in_use_since: dict[Key, float] = {}
        self._unasked_since: dict[Key, float] = {}

    def may_go(
        self,
        key: Key,
        decision: GatewayDecision,
        asked: tuple[dict[str, Content] | None, tuple[PodState, ...]],
        *,
        written: bool,
        accepted: bool,
        now: float,
    ) -> tuple[tuple[Mapping[str, Any], ...], float]:
        """Return the objects that may be deleted now, and the seconds until asking again (0: no need).

        What something takes the place of goes when that is written, not before: until then it is all that
        limits. One way to the module goes when the other is known to be in use: everything is written, and
        accepted by the provider. For a plugin, too, every pod that gets requests has said that it runs what
        it asked for, and after that the provider's pods have had the time to close the connections for which
        only the plugin is there. What makes pods ask stays until the provider has heard of the plugin: it
        hears of what comes and of what goes by streams of their own.

        Where nothing is wanted any more, what others need goes last, and not before connections to a former
        listener are closed, which still ask by it; pods that are pushed to say that they ask no more.

        Args:
            key: the gateway.
            decision: what was decided for it.
            asked: what its pods are to run if they ask, and what each of them has said.
            written: its objects are as they are wanted.
            accepted: they are, by its provider.
            now: seconds of a clock that does not go back.
        """
        gone = decision.obsolete
        wanted, pods = asked
        if not decision.wanted.objects:
            self._in_use_since.pop(key, None)
            return self._emptied(
                key, gone, is_told=wanted is not None and not undelivered(wanted, pods), now=now
            )
        self._unasked_since.pop(key, None)
        if wanted is None and not any(map(asks, gone)):
            self._in_use_since.pop(key, None)
            return gone if written else (), 0.0
        if not gone or not (written and accepted):
            self._in_use_since.pop(key, None)
            return (), 0.0
        if wanted is not None and undelivered(wanted, pods):
            return (), 0.0
        drain = 0.0 if decision.provider is None else decision.provider.DRAIN
        seconds = PROVIDER_HEARD_SECONDS if wanted is None else drain
        left = self._in_use_since.setdefault(key, now) + seconds - now
        return ((), left) if left > 0 else (gone, 0.0)

    def _emptied(
        self, key: Key, gone: tuple[Mapping[str, Any], ...], *, is_told: bool, now: float
    ) -> tuple[tuple[Mapping[str, Any], ...], float]:
        """Return the same for a gateway that is to limit nothing any more."""
        first = tuple(one for one in gone if not linger(one))
        if first or not gone:
            self._unasked_since.pop(key, None)
            return first, 0.0
        seconds = min(PROVIDER_HEARD_SECONDS if is_told else inf, max(map(linger, gone)))
        left = self._unasked_since.setdefault(key, now) + seconds - now
        return ((), left) if left > 0 else (gone, 0.0)
