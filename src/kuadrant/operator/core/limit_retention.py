"""Keeps limits that no policy asks for any more for as long as a gateway may. Time is given.

A limit goes when it is known that no gateway asks for it: each that ever was to ask for it has, for a while,
had a version that does not (`version_arrivals`). However long that takes: a question for a limit that is gone
would not be limited (issue F, 1).
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from kuadrant.api.limit_packing import FIELD, pack
from kuadrant.operator.core.staged_program import asks, rules_of
from kuadrant.operator.core.times import RETENTION_SECONDS, UNSEEN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kuadrant.api.counter_identity import Identity
    from kuadrant.api.limitador import Limit
    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.gateways.provider import Provider
    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.decision import Decision, GatewayDecision
    from kuadrant.operator.core.version_arrivals import Arrivals
    from kuadrant.policy.budgets import Budgets


MOST_UNPACKED: Final = 4
"""Former limits may be so many times the bytes of wanted ones before they are packed.

That is more than a namespace leaves behind that edits at the pace which its budget allows, on any provider
(issue F, 2).
"""


class _Asked:
    """Remembers what one gateway may ask for.

    Attributes:
        program: what it was told last.
        others: limits that another replica may have told it of.
        now: what it asks for by what it was told last.
        before: what it asked for before, by the first version that does so no more.
        seconds: for how long it may go on with what it had.
        gone_at: when it went away; infinite while it is there.
    """

    __slots__ = ("before", "gone_at", "now", "others", "program", "seconds")

    def __init__(self, before: dict[Identity, int]) -> None:
        self.program: GatewayProgram | None = None
        self.others: tuple[Limit, ...] = ()
        self.now: frozenset[Identity] = frozenset()
        self.before = before
        self.seconds = RETENTION_SECONDS
        self.gone_at = inf

    def settle(self, version: int) -> bool:
        """Forget what it cannot ask for since this version is settled; return whether that was nothing."""
        asked = len(self.before)
        self.before = {
            one: until for one, until in self.before.items() if until > version and one not in self.now
        }
        return len(self.before) == asked


class LimitRetention:
    """Remembers what each gateway may ask for.

    Of limits that are there at the beginning it is not known which gateway asks for them: each may.
    """

    def __init__(self) -> None:
        self._gateways: dict[Key, _Asked] = {}
        self.retained: frozenset[Identity] | None = None
        """The limits that some gateway may still ask for; None as long as every limit may be one."""
        self._owners: dict[Identity, str] = {}

    def note(
        self,
        programs: Mapping[Key, tuple[GatewayProgram | None, float, bool]],
        others: Mapping[Key, tuple[Limit, ...]],
        present: Iterable[Limit],
        arrivals: Arrivals,
        now: float,
    ) -> None:
        """Take note of what gateways are to have.

        Args:
            programs: what each gateway that may ask is to have, None for nothing any more; for how long it
                may go on as before; and whether it may be told. One that is not here has no objects any more.
            others: limits of which another replica, which sees the same a moment later, may tell a gateway.
            present: the limits that there are.
            arrivals: the versions of gateways.
            now: seconds of a clock that does not go back.
        """
        before = {limit.identity: 1 for limit in present} if self.retained is None else {}
        is_same = self.retained is not None
        for key in self._gateways.keys() - programs.keys():
            asked = self._gateways[key]
            asked.gone_at = min(asked.gone_at, now)
            if now >= asked.gone_at + asked.seconds:
                del self._gateways[key]
                is_same = False
        for key, (program, seconds, is_told) in programs.items():
            asked = self._gateways.setdefault(key, _Asked(dict(before)))
            if asked.gone_at < inf:
                # It was made anew, and so its versions are counted anew.
                asked.before = dict.fromkeys(asked.before, 1)
            asked.seconds, asked.gone_at = seconds, inf
            of_gateway = arrivals.of(key)
            told = program if is_told else asked.program
            also = others.get(key, ())
            if asked.program is not told or asked.others is not also:
                asked.others = also
                wanted = frozenset(limit.identity for limit in (*(told.limits if told else ()), *also))
                if gone := asked.now - wanted:
                    asked.before |= dict.fromkeys(gone, of_gateway.version)
                    self._owners |= {} if asked.program is None else _owners(asked.program, gone)
                is_same &= asked.now == wanted
                asked.program, asked.now = told, wanted
            if asked.before:
                is_same &= asked.settle(of_gateway.settled(now, asked.seconds))
        if not is_same:
            self.retained = frozenset(
                identity for asked in self._gateways.values() for identity in (*asked.now, *asked.before)
            )
            self._owners = {one: owner for one, owner in self._owners.items() if one in self.retained}

    def owner(self, limit: Limit) -> str:
        """Return the namespace whose policy asked for a limit that nobody wants any more.

        If that is not known, that of its requests.
        """
        return self._owners.get(limit.identity) or limit.namespace.partition("/")[0]

    def next_at(self, arrivals: Arrivals, now: float) -> float:
        """Return when something may go if nothing comes between; infinite if that takes more than time."""
        return min(
            (
                asked.gone_at + asked.seconds
                if asked.gone_at < inf
                else arrivals.of(key).next_at(now, asked.seconds)
                for key, asked in self._gateways.items()
                if asked.before or asked.gone_at < inf
            ),
            default=inf,
        )


class Retention:
    """Follows which limits stay, decision by decision.

    Args:
        budgets: how much namespaces may ask for.
        works_since: since when the control plane of a provider runs; -inf if that cannot be seen, None if it
            does not.
    """

    def __init__(self, budgets: Budgets, works_since: Callable[[Provider], float | None]) -> None:
        self._budgets = budgets
        self._works_since = works_since
        self._retention = LimitRetention()
        self.crowded: frozenset[str] = frozenset()
        """Namespaces whose former limits fill the service: no edit of theirs is taken until they are gone."""

    @property
    def retained(self) -> frozenset[Identity] | None:
        """The limits that stay although no policy asks for them any more; None if all do."""
        return self._retention.retained

    def note(self, decision: Decision, arrivals: Arrivals, now: float) -> bool:
        """Note what gateways may ask for; return whether that changes what is to be decided."""
        programs = {
            key: (one.program, self.seconds(one), one.may_be_told) for key, one in decision.gateways.items()
        }
        others = {key: one.limits for key, one in decision.gateways.items() if one.wanted.pushed}
        retained, former = self._retention.retained, self.crowded
        self._retention.note(programs, others, decision.present, arrivals, now)
        kept_only = decision.limits[len(decision.compilation.limits) :]
        document = decision.limitador.document
        packed = None if document is None else document["spec"].get(FIELD)
        self.crowded = crowded_namespaces(kept_only, self._retention.owner, self._budgets, packed)
        return self._retention.retained is not retained or self.crowded != former

    def due(self, arrivals: Arrivals, now: float) -> float | None:
        """Return when the next limit may go, if nothing comes between; None if none will."""
        due = self._retention.next_at(arrivals, now)
        return due if due < inf else None

    def seconds(self, decision: GatewayDecision) -> float:
        """Return for how long limits stay that a gateway is known to ask for no more."""
        if decision.provider is None or decision.wanted.pushed:
            return RETENTION_SECONDS
        if decision.provider.CONTROL_PLANE and self._works_since(decision.provider) == -inf:
            return UNSEEN_SECONDS
        # Connections to a former listener go on with what its plugin had.
        return RETENTION_SECONDS + decision.provider.DRAIN


def crowded_namespaces(
    kept: Iterable[Limit],
    owner: Callable[[Limit], str],
    budgets: Budgets,
    packed: Iterable[str] | None = None,
) -> frozenset[str]:
    """Return the namespaces that have more limits that are only kept than they may have wanted ones.

    In number, or in the bytes that they take in the resource; what can be packed is not made of too many
    bytes either.

    Args:
        kept: the limits that no policy asks for any more.
        owner: the namespace of the policy that did.
        budgets: what namespaces may have.
        packed: all limits as the resource has them; None if it has them as they are.
    """
    most = budgets.namespace_bytes
    all_packed = None if packed is None else sum(map(len, packed))
    of_owner: dict[str, list[Limit]] = {}
    for limit in kept:
        of_owner.setdefault(owner(limit), []).append(limit)
    return frozenset(
        name
        for name, limits in of_owner.items()
        if len(limits) > budgets.namespace_rates or _is_too_much(limits, most, all_packed)
    )


def _is_too_much(limits: list[Limit], most: int, all_packed: int | None) -> bool:
    size = sum(limit.size for limit in limits)
    if size <= most or all_packed is None:
        return size > most
    if size > MOST_UNPACKED * most:
        return True
    # Those of one namespace take less than all of them.
    return all_packed > most and sum(map(len, pack(limits))) > most


def _owners(program: GatewayProgram, gone: frozenset[Identity]) -> dict[Identity, str]:
    """Return the namespaces of the policies that ask for some of the limits of a program."""
    sources = {
        what: source for rule in rules_of(program) for what, limit in asks(rule) for source in limit.sources
    }
    found: dict[Identity, str] = {}
    for identity in gone:
        for condition in identity[2]:
            if source := sources.get((identity[0], condition)):
                found[identity] = source.partition("/")[0]
    return found
