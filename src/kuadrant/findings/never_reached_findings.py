"""Rates that are never the ones that refuse a request, since another one always refuses it before."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.api.algorithm import FIXED_WINDOW, SLICES, SLIDING_WINDOW, TOKEN_BUCKET, Algorithm
from kuadrant.api.duration import window_words
from kuadrant.api.problem import spelled
from kuadrant.findings.examined_documents import problem
from kuadrant.findings.severity import Rule
from kuadrant.policy.condition import Counter, PolicyCondition
from kuadrant.policy.model import Rate
from kuadrant.policy.policy_precedence import EffectiveLimit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.findings.examined_documents import Material
    from kuadrant.policy.model import Problem

RULES: Final = (
    Rule(
        code="never-reached",
        severity="warning",
        title="A limit is never reached, since another one always is before.",
        means="The other one is for the same requests, or for more of them, and never lets through as "
        "many as this one allows, in any window. Windows begin with the first request, so those "
        "of two limits need not begin together: one of 5 in 60 s may let 9 through within 10 s, "
        "at the end of a window and at the beginning of the next.",
        do="Remove the limit, or correct the numbers: usually the longer window has the larger limit.",
    ),
)


class _Counted(Struct, frozen=True, gc=False):
    """A rate of a limit where it is in effect; ``scope`` parts what is asked for by other questions."""

    entry: EffectiveLimit
    index: int
    rate: Rate
    scope: str
    when: frozenset[PolicyCondition]
    counters: frozenset[Counter]

    @property
    def counting(self) -> Counting:
        """The rate, and how it is counted."""
        limit = self.entry.limit
        burst = self.rate.max_value if limit.burst is None else limit.burst
        return Counting(self.rate, limit.algorithm, burst)

    @property
    def is_of_gateway(self) -> bool:
        """Tell whether it is of a policy of a Gateway or a listener."""
        return self.entry.source.target.kind == "Gateway"

    @property
    def name(self) -> tuple[str, str, int]:
        """The name that tells it from all others: policy, limit, number."""
        return (self.entry.source.key, self.entry.limit.name, self.index)


def never_more(other: Rate, than: Rate, *, together: bool) -> bool:
    """Tell whether ``other`` refuses all that goes beyond the rate ``than``, whenever requests come.

    Args:
        other: A rate that counts all that the other one counts.
        than: The rate that is looked at.
        together: Both count the same requests, so that windows of one length begin and end together.
    """
    if together and other.seconds == than.seconds:
        return other.max_value <= than.max_value
    # In one window there are at most so many that began in it, and the rest of one that began before.
    windows = -(-max(than.seconds, 1) // max(other.seconds, 1)) + 1
    return windows * other.max_value - 1 <= than.max_value


class Counting(Struct, frozen=True, gc=False):
    """A rate and how it is counted; ``burst`` is what a bucket holds."""

    rate: Rate
    algorithm: Algorithm = FIXED_WINDOW
    burst: int = 0


def refuses_before(other: Counting, than: Counting, *, together: bool) -> bool:
    """As `never_more`, whichever way the two count."""
    most, seconds = other.rate.max_value, max(other.rate.seconds, 1)
    if other.algorithm == than.algorithm == FIXED_WINDOW:
        return never_more(other.rate, than.rate, together=together)
    if than.algorithm == TOKEN_BUCKET:
        # It also refuses what comes at once, which only another bucket is known to do in the same way.
        is_slower = most * than.rate.seconds <= than.rate.max_value * seconds
        return other.algorithm == TOKEN_BUCKET and other.burst <= than.burst and is_slower
    if other.algorithm == than.algorithm and together and other.rate.seconds == than.rate.seconds:
        return most <= than.rate.max_value
    # A sliding window also looks at the whole of the slice in which it begins.
    slices = SLICES + 1 if than.algorithm == SLIDING_WINDOW else SLICES
    windows = Fraction(max(than.rate.seconds, 1) * slices, seconds * SLICES)
    if other.algorithm == TOKEN_BUCKET:
        return other.burst + windows * most <= than.rate.max_value
    if other.algorithm == SLIDING_WINDOW:
        return ceil(windows) * most <= than.rate.max_value
    return (ceil(windows) + 1) * most - 1 <= than.rate.max_value


def never_reached_findings(of: Material) -> Iterator[Problem]:
    """Yield the rates that are never reached on any path on which they are in effect."""
    occurrences: dict[tuple[str, str], set[int]] = {}
    winners: dict[tuple[str, str, int], _Counted | None] = {}
    rates: dict[tuple[str, str, int], _Counted] = {}
    for number, limits in enumerate(_together(of)):
        for entry in limits:
            occurrences.setdefault((entry.source.key, entry.limit.name), set()).add(number)
    for limits in _together(of):
        counted = [*_rates(limits)]
        for one in counted:
            rates[one.name] = one
            if winners.get(one.name, one) is None:
                continue
            winners[one.name] = next((other for other in counted if _wins(other, one, occurrences)), None)
    for name, winner in winners.items():
        if winner is not None:
            yield _told(rates[name], winner)


def _together(of: Material) -> Iterator[tuple[EffectiveLimit, ...]]:
    """Yield the limits of each path and host name, each group of them once."""
    seen: set[tuple[int, ...]] = set()
    for path in of.paths.all:
        for limits in path.under:
            group = tuple(map(id, limits))
            if group not in seen:
                seen.add(group)
                yield limits


def _rates(limits: Iterable[EffectiveLimit]) -> Iterator[_Counted]:
    for entry in limits:
        # A gateway that counts by itself has its part of the requests, and there may be several.
        scope = f"{entry.limit.scope} {entry.scope(route='')}"
        when = frozenset((*entry.source.conditions, *entry.limit.when))
        counters = frozenset(entry.limit.counters)
        for index, rate in enumerate(entry.limit.rates):
            yield _Counted(entry, index, rate, scope, when, counters)


def _wins(other: _Counted, one: _Counted, occurrences: dict[tuple[str, str], set[int]]) -> bool:
    """Whether ``other`` always refuses before ``one`` would; of two equal ones the first is said to win."""
    if other is one or other.rate.max_value > one.rate.max_value or other.scope != one.scope:
        return False
    if other.entry.limit.cost is not None or one.entry.limit.cost is not None:
        # What requests cost is not known: one that has less room may be used up later.
        return False
    if not (other.when <= one.when and other.counters <= one.counters and other.entry.limit.is_enforced):
        return False
    if one.is_of_gateway and not other.is_of_gateway:
        # A cap for all routes is meant to be wider than what each of them has.
        return False
    together = (other.when, other.counters, occurrences[other.name[:2]]) == (
        one.when,
        one.counters,
        occurrences[one.name[:2]],
    )
    if not refuses_before(other.counting, one.counting, together=together):
        return False
    is_mutual = together and refuses_before(one.counting, other.counting, together=True)
    return not is_mutual or other.name < one.name


def _told(one: _Counted, winner: _Counted) -> Problem:
    policy, limit = one.entry.source, one.entry.limit
    subject = ("RateLimitPolicy", policy.namespace, policy.name)
    field = spelled((*policy.field, "limits", limit.name, "rates", one.index))
    other = f"limit {winner.entry.limit.name}"
    if winner.entry.source is not policy:
        other += f" of {winner.entry.source.key}"
    elif winner.entry.limit is limit:
        other = f"rates[{winner.index}] of the same limit"
    message = (
        f"{one.rate.max_value} in {window_words(one.rate.seconds)} is never reached: {other} refuses before, "
        f"at {winner.rate.max_value} in {window_words(winner.rate.seconds)}"
    )
    return problem(subject, field, "never-reached", message)
