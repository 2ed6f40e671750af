"""The facts of a request that was answered: from outside always, from inside where it was simulated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from kuadrant.policy_tests.inventory import KnownLimit, KnownRule
from kuadrant.policy_tests.moments import spelled_time
from kuadrant.reference_model.counters import CounterKey


class Stand(Struct, frozen=True, gc=False):
    """The state of a counter of a limit after a request, which may have ``remaining_at_most`` left."""

    limit: KnownLimit
    counter: CounterKey
    most: int
    remaining: int
    reset: float
    remaining_at_most: int


class Inside(Struct, frozen=True, gc=False):
    """The facts that a client does not see.

    ``policies`` are those whose limits were asked for, ``refused`` the limits that had no room.
    ``because`` says why a gateway refused the request by itself. ``watched`` are limits that are not enforced
    for the request, each with whether it had no room (None: not known), of which ``soft`` are soft ones;
    ``signals`` are the headers that the request gets by them. ``in_part`` says for how many requests of the
    rule a backend answers 500. Where ``is_known`` is false, even the outcome depends on the clock of the rate
    limit service.
    """

    outcome: Literal["refused", "no-route", "admitted", "limited", "failed"]
    rule: KnownRule | None
    policies: tuple[str, ...]
    asked: bool
    refused: tuple[KnownLimit, ...]
    stands: tuple[Stand, ...]
    because: str = ""
    watched: tuple[tuple[KnownLimit, bool | None], ...] = ()
    soft: tuple[KnownLimit, ...] = ()
    signals: tuple[tuple[str, str], ...] = ()
    signals_known: bool = True
    in_part: str = ""
    is_known: bool = True

    @property
    def remaining_is_known(self) -> bool:
        """Tell whether ``remaining`` does not depend on that clock."""
        return self.remaining == min((stand.remaining_at_most for stand in self.stands), default=None)

    @property
    def remaining(self) -> int | None:
        """The room of the most restrictive counter; None where nothing was asked."""
        return min((stand.remaining for stand in self.stands), default=None)

    @property
    def reached(self) -> Iterator[KnownLimit | KnownRule]:
        """The limits and the rule that the request came to."""
        yield from (stand.limit for stand in self.stands)
        yield from (limit for limit, _ in self.watched)
        if self.rule is not None:
            yield self.rule

    def _watching(self, limit: KnownLimit, is_full: bool | None) -> str:
        perhaps = is_full is None
        if limit in self.soft:
            return f"is soft and {'perhaps ' if perhaps else ''}exceeded"
        return f"in shadow {'may' if perhaps else 'would'} limit it"

    def __str__(self) -> str:
        """Return what happened, in a sentence."""
        match self.outcome:
            case "refused":
                return f"the gateway answers it by itself: {self.because}"
            case "no-route":
                return "no rule of a route matches it"
            case "failed":
                return (
                    "an expression of a limit has no value for it, such as one of a header that is not there"
                )
            case "limited":
                least = max((one.reset for one in self.stands if one.limit in self.refused), default=0.0)
                limits = " and ".join(map(str, self.refused))
                return f"limited by {limits}, free again in {spelled_time(round(least * 1000))}"
            case "admitted":
                left = (f"{one.limit.name} has {one.remaining} of {one.most} left" for one in self.stands)
                full = (
                    f"{limit.name} {self._watching(limit, is_full)}"
                    for limit, is_full in self.watched
                    if is_full is not False
                )
                nothing = f"no limit {'is enforced for' if self.watched else 'applies to'} it"
                return ", ".join((*left, *full)) or nothing


class Observation(Struct, frozen=True, gc=False):
    """The outcome of a request.

    ``headers`` are those of the response, in lower case, and ``not_known`` tells of others that there are why
    their values are not known; ``others`` says why it is not known whether there are more. ``inside`` is None
    for one of a real gateway, and ``failure`` says why there is no ``status``.
    """

    status: int | None
    headers: Mapping[str, str] = MappingProxyType({})
    inside: Inside | None = None
    failure: str = ""
    not_known: Mapping[str, str] = MappingProxyType({})
    others: str = ""

    def __str__(self) -> str:
        """Return what happened, in a sentence."""
        return self.failure or (
            f"{self.status}: {self.inside}" if self.inside is not None else str(self.status)
        )
