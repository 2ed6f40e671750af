"""Follows which version of its configuration each gateway is known to have. Time is given.

What a gateway is to have is counted in versions. A version has *arrived* when the gateway has it or a later
one: every ready pod has said so, or, where pods say nothing, its objects are in place, accepted, and its
provider's control plane runs. Evidence does not go away with the next edit: while there is one after the
other, each of them arrives.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.gateways.provider import GatewayObjects
from kuadrant.operator.core.raised_limits import are_raised
from kuadrant.operator.core.times import (
    ARRIVALS_APART_SECONDS,
    FORGET_SECONDS,
    TAKE_SECONDS,
    UNSEEN_SECONDS,
)
from kuadrant.status import Content

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.decision import GatewayDecision
    from kuadrant.status import GatewayState, PodState


class _Version(Struct, frozen=True):
    """A version that a gateway is to have and is not known to have yet."""

    number: int
    wanted: GatewayObjects
    contents: Mapping[str, Content] | None


class GatewayArrivals:
    """Numbers the versions of one gateway from 1, and knows when each arrived."""

    def __init__(self) -> None:
        self.version = 0
        """The number of what is to be there now."""
        self._program: GatewayProgram | None = None
        self._wanted: GatewayObjects | None = None
        self._contents: Mapping[str, Content] | None = None
        self._on_the_way: list[_Version] = []
        # Versions that arrived, and when each did, in order:
        self._arrived: list[int] = []
        self._times: list[float] = []
        self._taken = 0
        self._nobody_since: float | None = None
        """The time since which there is no pod at all that could ask for anything."""
        self._works_since: float | None = -inf

    def note(self, decision: GatewayDecision, state: GatewayState, now: float) -> None:
        """Take note of what is to be there and of what is known."""
        was_nobody = self._nobody_since
        self._taken = self.taken(now)
        self._add_version(decision, state.wanted, now)
        self._works_since = state.works_since if state.wanted is None else -inf
        self._nobody_since = None
        if state.wanted is not None:
            if not state.pods:
                self._nobody_since = now if was_nobody is None else was_nobody
            arrived = _run_by_all(self._on_the_way, [pod for pod in state.pods if pod.ready])
        elif (applied := _applied(decision, state)) is not None and state.accepted:
            arrived = max((one.number for one in self._on_the_way if one.wanted is applied), default=0)
        else:
            arrived = 0
        if arrived:
            self._arrive(arrived, now)

    def taken(self, now: float) -> int:
        """Return the newest version that requests meet.

        It has arrived, and where pods say nothing they had the time to take it. That counts from when it was
        first seen to be there: who wrote it before us may have done so just now. What was taken stays taken
        while the provider's control plane is down.
        """
        if self._contents is not None:
            return self._newest(now)
        return max(self._taken, self.settled(now, TAKE_SECONDS))

    def next_taken_at(self, now: float) -> float:
        """Return when another version will have been taken, if nothing comes between; or infinity."""
        if self._contents is not None:
            return next((time for time in self._times if time > now), inf)
        return self.next_at(now, TAKE_SECONDS)

    def settled(self, now: float, seconds: float) -> int:
        """Return the newest version that arrived that long ago, while the provider's control plane ran.

        Where there has been no pod that could have anything else it is the present one.
        """
        if self._nobody_since is not None and self._nobody_since + seconds <= now:
            return self.version
        if self._works_since is None or self._works_since + seconds > now:
            return 0
        return self._newest(now - seconds)

    def next_at(self, now: float, seconds: float) -> float:
        """Return when another version will have arrived that long ago, if nothing comes between.

        Infinite if none will.
        """
        if self._nobody_since is not None and self._nobody_since + seconds > now:
            return self._nobody_since + seconds
        if self._works_since is None or not self._times:
            return inf
        if self._works_since + seconds > now:
            return max(self._works_since, self._times[0]) + seconds
        count = bisect_right(self._times, now - seconds)
        return self._times[count] + seconds if count < len(self._times) else inf

    def _add_version(
        self, decision: GatewayDecision, contents: Mapping[str, Content] | None, now: float
    ) -> None:
        is_same = self._wanted is decision.wanted and self._contents == contents
        if self.version and is_same and self._program is decision.program:
            return
        has_it = bool(self._times) and is_same and not self._on_the_way
        former = self._program
        self.version += 1
        self._program, self._wanted, self._contents = decision.program, decision.wanted, contents
        if has_it:
            # Only limits changed, of which the gateway is told nothing: it has long had what it is to have.
            self._arrive(self.version, self._met_at(former, now))
            return
        self._on_the_way.append(_Version(self.version, decision.wanted, contents))
        if len(self._on_the_way) > _MOST_ON_THE_WAY:
            del self._on_the_way[: _MOST_ON_THE_WAY // 2]

    def _met_at(self, former: GatewayProgram | None, now: float) -> float:
        """Return when an edit of limits alone is with the gateway, for which `taken` may give it some time.

        Where a limit is raised it goes on to deny by what it remembers.
        """
        is_raised = (
            former is not None
            and self._program is not None
            and are_raised(former.limits, self._program.limits)
        )
        if not is_raised:
            return self._times[-1]
        return now if self._contents is None else now + FORGET_SECONDS

    def _newest(self, now: float) -> int:
        count = bisect_right(self._times, now)
        return self._arrived[count - 1] if count else 0

    def _arrive(self, number: int, now: float) -> None:
        """Note that a version is there, or will be, with all before it."""
        self._on_the_way = [one for one in self._on_the_way if one.number > number]
        at = max((now, *self._times[-1:]))
        if len(self._times) > 1 and at - self._times[-2] < ARRIVALS_APART_SECONDS:
            # It is told a little later of the one between: there may be hundreds.
            del self._times[-1], self._arrived[-1]
        self._times.append(at)
        self._arrived.append(number)
        if self._times[0] < now - 2 * UNSEEN_SECONDS:
            count = bisect_right(self._times, now - UNSEEN_SECONDS) - 1
            del self._times[:count], self._arrived[:count]


_MOST_ON_THE_WAY = 1024
"""No more versions than these are followed until they arrive.

One that comes after them tells it as well.
"""


def _applied(decision: GatewayDecision, state: GatewayState) -> object:
    """Return the objects that are there: what is wanted, or what was wanted before; None if not known.

    Nor is it known what the gateway does as long as there are others beside: they may ask for anything that
    they ever asked for.
    """
    if decision.wanted.problem is not None or decision.obsolete:
        return None
    return state.applied if state.missing or decision.awaited else decision.wanted


def _run_by_all(versions: Iterable[_Version], pods: list[PodState]) -> int:
    """Return the newest of these versions that all of these pods run, or one that is newer.

    0 if there is none, or no pod.
    """
    newest = {
        tuple(sorted(one.contents.items(), key=lambda item: item[0])): one.number
        for one in versions
        if one.contents is not None
    }
    numbers: list[int] = []
    for pod in pods if newest else ():
        running = {delivery.filter: delivery.running for delivery in pod.deliveries}
        of_pod = (
            number
            for contents, number in newest.items()
            if all(running.get(name) == content for name, content in contents)
        )
        numbers.append(max(of_pod, default=0))
    return min(numbers, default=0)


class Arrivals:
    """Follows the versions of all gateways."""

    def __init__(self) -> None:
        self._gateways: dict[Key, GatewayArrivals] = {}

    def note(
        self, decisions: Mapping[Key, GatewayDecision], states: Mapping[Key, GatewayState], now: float
    ) -> None:
        """Take note of all gateways; those that are not decided on any more are forgotten."""
        for key, one in decisions.items():
            self._gateways.setdefault(key, GatewayArrivals()).note(one, states[key], now)
        for key in self._gateways.keys() - decisions.keys():
            del self._gateways[key]

    def of(self, key: Key) -> GatewayArrivals:
        """Return the versions of one gateway."""
        return self._gateways.get(key) or GatewayArrivals()
