"""Holds what there has to be in the cluster: for the rate limit service, and for each gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from kuadrant.api.limitador import Limit
from kuadrant.compiler import Compilation
from kuadrant.compiler.program import GatewayProgram
from kuadrant.gateways.limitador import LimitadorObject
from kuadrant.gateways.provider import GatewayObjects, Provider
from kuadrant.kube.kind import Key
from kuadrant.operator.core.known_facts import ModuleFacts
from kuadrant.status import Part

if TYPE_CHECKING:
    from kuadrant.api.counter_identity import Identity


class GatewayDecision(Struct, frozen=True, kw_only=True):
    """Holds what there has to be for one gateway, and what of it is to be deleted, in this order.

    As long as anything is ``awaited``, its objects may not be written; what there is of them stays.
    ``program`` is what ``wanted`` is rendered from, ``limits`` are those that it is to ask for in the end.
    ``waiting`` are the policies, as ``namespace/name``, whose former state is in it (as is that of those that
    are ``withheld``, each with what is to be said of it), because the rate limit service does not
    hold their limits; None if all of it may be of former policies. ``unheld`` are those that have a limit
    which is not held with its value. ``is_service_ready`` tells whether the rate limit service answers, where
    it is needed. A gateway without ``provider`` is none that can be made to limit anything.
    """

    provider: Provider | None
    wanted: GatewayObjects
    program: GatewayProgram | None = None
    withheld: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    awaited: tuple[Part, ...] = ()
    waiting: frozenset[str] | None = frozenset()
    unheld: frozenset[str] = frozenset()
    is_service_ready: bool = True
    obsolete: tuple[Mapping[str, Any], ...] = ()

    @property
    def may_be_told(self) -> bool:
        """Tell whether the gateway may hear of its program from now on.

        It hears of it by its objects, or because it asks us.
        """
        keeps_back = Part.LIMITS in self.awaited if self.wanted.pushed else bool(self.awaited)
        return self.wanted.problem is None and not keeps_back

    @property
    def untold(self) -> frozenset[Identity]:
        """The limits that it is to ask for in the end, and cannot be told of yet."""
        wanted = frozenset(limit.identity for limit in self.limits)
        told = self.program.limits if self.program is not None and self.may_be_told else ()
        return wanted.difference(limit.identity for limit in told)

    @property
    def lacks(self) -> tuple[Part, ...]:
        """The things it is said to wait for, also where its objects are there already."""
        is_counted = self.is_service_ready or Part.LIMITS in self.awaited
        return self.awaited if is_counted else (Part.LIMITS, *self.awaited)

    @property
    def objects(self) -> tuple[dict[str, Any], ...]:
        """The objects that are to be written now."""
        return () if self.awaited else self.wanted.objects


class Decision(Struct, frozen=True, kw_only=True):
    """Holds what to apply: the rate limit service's resource, and the objects of each gateway.

    Attributes:
        module: the one for which everything is rendered.
        limits: those that the resource is to have: the wanted ones and those that are only kept.
        present: those that it has.
        limitador: the resource.
        gateways: what there has to be for each gateway.
        compilation: what it was decided from.
        installed: there is a Kuadrant.
        ends: the last one is being deleted, and waits until nothing is limited any more.
        mark: by which the resource has the service refuse strangers (`callers_evidence`).
        not_held: what is to be said of policies, as ``namespace/name``, that ask for limits which the service
            says it does not hold.
        not_told: what is to be said of policies whose clients are not answered as it is asked for.
        unnamed: the service says so without saying which.
    """

    module: ModuleFacts
    limits: tuple[Limit, ...]
    present: tuple[Limit, ...]
    limitador: LimitadorObject
    gateways: Mapping[Key, GatewayDecision]
    compilation: Compilation
    installed: bool
    ends: bool = False
    mark: str = ""
    not_held: Mapping[str, str] = field(default_factory=dict)
    not_told: Mapping[str, str] = field(default_factory=dict)
    unnamed: bool = False
