"""Decides which policies of a namespace have room, where they ask for more than a namespace may have.

What is in effect stays. What is new gets what is left, the oldest policies first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from msgspec import Struct

from kuadrant.kube.kind import Key
from kuadrant.policy.budgets import Budgets, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_CROWDED: Final = (
    "gateways may still ask for too many limits that policies of namespace {} had before: edits are taken "
    "again when some of these are gone, half a minute after gateways have what was edited last, and on Envoy "
    "Gateway a minute and a half"
)


class AsksForLimits(Protocol):
    """A form of a policy."""

    @property
    def usage(self) -> Usage:
        """The amounts that it asks for."""


AForm = TypeVar("AForm", bound=AsksForLimits)


class Asking(Struct, Generic[AForm], frozen=True):
    """The form that one policy has, and the one that it wants.

    Attributes:
        key: the policy.
        created: when it was made, as Kubernetes writes it.
        held: the form that is in effect.
        wanted: the form that is to be in effect, if it may be by itself.
        remembered: the held form is from a status, and was not looked at beside the others yet.
    """

    key: Key
    created: str
    held: AForm | None
    wanted: AForm | None
    remembered: bool


class Shares(Struct, Generic[AForm], frozen=True):
    """The use of a namespace's policies, the form of each in effect, and why not the wanted one."""

    used: Usage
    held: dict[Key, AForm | None]
    excess: dict[Key, str]


def share_out(
    namespace: str, asking: Sequence[Asking[AForm]], budgets: Budgets, *, crowded: bool = False
) -> Shares[AForm]:
    """Return which forms are in effect.

    Args:
        namespace: whose policies they are.
        asking: all of them.
        budgets: what a namespace may have.
        crowded: gateways may still ask for too many of its former limits, so nothing new has room.
    """
    asking = sorted(asking, key=lambda one: (one.created, one.key))
    used = total(one.held.usage for one in asking if one.held is not None and not one.remembered)
    held = {one.key: one.held for one in asking}
    excess = {}
    for one in asking:
        if one.remembered and one.held is not None:
            then = _exchanged(used, Usage(), one.held.usage)
            if _is_over(then, used, budgets):
                held[one.key] = None
            else:
                used = then
    for one in asking:
        former = held[one.key]
        if one.wanted is None or one.wanted is former:
            continue
        if crowded:
            excess[one.key] = _CROWDED.format(namespace)
            continue
        then = _exchanged(used, Usage() if former is None else former.usage, one.wanted.usage)
        if _is_over(then, used, budgets):
            excess[one.key] = _words(namespace, then, budgets)
        else:
            used, held[one.key] = then, one.wanted
    return Shares(used, held, excess)


def total(usages: Iterable[Usage]) -> Usage:
    """Return the rates and bytes of all."""
    rates = size = 0
    for one in usages:
        rates += one.rates
        size += one.bytes
    return Usage(rates=rates, bytes=size)


def _exchanged(used: Usage, former: Usage, now: Usage) -> Usage:
    return Usage(rates=used.rates - former.rates + now.rates, bytes=used.bytes - former.bytes + now.bytes)


def _is_over(then: Usage, used: Usage, budgets: Budgets) -> bool:
    """Tell whether an edit asks for more of what there is too little of; asking for less is always right."""
    return any(
        asked > most and asked > before
        for asked, before, most in (
            (then.rates, used.rates, budgets.namespace_rates),
            (then.bytes, used.bytes, budgets.namespace_bytes),
        )
    )


def _words(namespace: str, then: Usage, budgets: Budgets) -> str:
    if then.rates > budgets.namespace_rates:
        what, asked, most, name = "rates", then.rates, budgets.namespace_rates, "namespace-rates"
    else:
        what, asked, most, name = "bytes of limits", then.bytes, budgets.namespace_bytes, "namespace-bytes"
    return (
        f"with it the policies of namespace {namespace} ask for {asked} {what}; "
        f"a namespace may have {most} ({name})"
    )
