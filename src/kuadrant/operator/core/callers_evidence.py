"""Decides when the rate limit service may refuse everybody who shows no token.

Pure but for what it remembers; time is given. It may as soon as every gateway that may ask is known to have a
token of the installation's key, by the evidence by which limits go (``version_arrivals``), and no longer once
one is to be told of a module that knows no tokens.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.caller_token import fingerprint
from kuadrant.incremental import kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.gateway_tokens import Keys
    from kuadrant.operator.core.version_arrivals import Arrivals


class Caller(Struct, frozen=True):
    """Tells how one gateway asks.

    Whether it is to ask for anything, whether it has objects, and how long it may go on with what it had
    before.
    """

    asks: bool
    has_objects: bool
    seconds: float


class _Gateway:
    __slots__ = ("keys", "lacks_until")

    def __init__(self, keys: Keys | None, lacks_until: int | None) -> None:
        self.keys = keys
        self.lacks_until = lacks_until


class CallersEvidence:
    """Remembers from which version on each gateway has a token of the current key."""

    def __init__(self) -> None:
        self._gateways: dict[Key, _Gateway] = {}
        self._keys: Keys | None = None
        self._present = ""
        self.mark: str | None = None
        """The fingerprint with which the rate limit service may refuse everybody else.

        Empty if it may not, None if that is not known yet.
        """

    def note(
        self, gateways: Mapping[Key, Caller], keys: Keys | None, present: str, arrivals: Arrivals, now: float
    ) -> None:
        """Take note of what gateways are to have.

        ``keys`` are those whose tokens they are given, None if their module knows none. ``present`` is what
        is marked: that stays while its key is in use, whatever a gateway has got of a newer one.
        """
        self._keys, self._present = keys, present
        self._gateways = {key: one for key, one in self._gateways.items() if key in gateways}
        for key, caller in gateways.items():
            version = arrivals.of(key).version
            one = self._gateways.get(key)
            if one is None:
                # Of objects that are there at the beginning it is not known what pods have made of them.
                one = _Gateway(keys, version if caller.has_objects else None)
                self._gateways[key] = one
            if one.keys != keys:
                one.keys, one.lacks_until = keys, version if caller.asks or caller.has_objects else None
            if (
                one.lacks_until is not None
                and arrivals.of(key).settled(now, caller.seconds) >= one.lacks_until
            ):
                one.lacks_until = None
        self.mark = kept(self.mark, self._mark())

    def _mark(self) -> str:
        held = () if self._keys is None else self._keys.held
        if held and self.is_complete:
            return fingerprint(held[0])
        return self._present if self._present in map(fingerprint, held) else ""

    def are_spread(self, keys: Keys) -> bool:
        """Tell whether nobody needs any of these keys but the current one.

        Every gateway has a token of that, and the service knows.
        """
        return keys == self._keys and self.is_complete and self._present == fingerprint(keys.held[0])

    @property
    def is_complete(self) -> bool:
        """Tell whether every gateway has what it is to show."""
        return all(one.lacks_until is None for one in self._gateways.values())

    def next_at(self, gateways: Mapping[Key, Caller], arrivals: Arrivals, now: float) -> float:
        """Return when something may be known that is not yet; infinite if that takes more than time."""
        return min(
            (
                arrivals.of(key).next_at(now, caller.seconds)
                for key, caller in gateways.items()
                if key in self._gateways and self._gateways[key].lacks_until is not None
            ),
            default=inf,
        )
