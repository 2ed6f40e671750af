"""Decides who may ask: gateways that show a token of a key that is held.

``Callers`` has three states. Without a key everybody is served, and nobody is looked at. With keys, who shows
no token of them is counted and served. Only where it is known that every gateway of ours shows one is
everybody else refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.api.caller_token import HEADER, fingerprint, gateway_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    Metadata = Iterable[tuple[str, str | bytes]]

_MOST_REMEMBERED: Final = 4096


class StrangerError(Exception):
    """A call shows no token of a gateway of this installation."""

    def __init__(self) -> None:
        super().__init__(
            "only gateways of this installation may ask, and this call does not show that it is of one"
        )


def metadata_of(context: Any) -> Metadata:
    """Return the metadata of a call.

    Of the native core as it has it, since it takes longer to give it than to decide.
    """
    call = getattr(context, "_call", None)
    found: Metadata | None = getattr(call, "metadata", None)
    return context.invocation_metadata() if found is None else found


class Callers:
    """Judges calls by ``keys``, which ``hold`` replaces.

    Before anybody is refused, ``confirm`` is awaited: it is to ``hold`` what is right at this moment, since
    what a gateway shows may be newer than what is known here.
    """

    def __init__(self, confirm: Callable[[], Awaitable[None]] | None = None) -> None:
        self._confirm = confirm
        self._keys: tuple[bytes, ...] = ()
        self._marked = ""
        # What was shown and is right: nobody else can put anything in here. Which of them it is cannot be
        # told by how long it takes to look for another text: Python's hash of a text is keyed.
        self._known: dict[str, str] = {}
        self.is_on = self.is_strict = False
        self.served = self.refused = 0
        """Calls without a token of ours, by what became of them."""

    def hold(self, keys: Iterable[bytes], marked: str) -> bool:
        """Have these keys, and refuse others where ``marked`` is the fingerprint of one of them.

        Return whether that is new.
        """
        held = tuple(keys)
        if (held, marked) == (self._keys, self._marked):
            return False
        self._keys, self._marked = held, marked
        self._known = {}
        self.is_on = bool(held)
        self.is_strict = marked in map(fingerprint, held)
        return True

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The keys that are held."""
        return self._keys

    def known(self, metadata: Metadata) -> str | None:
        """Return the gateway that asks, if it has shown the same before."""
        for key, value in metadata:
            if key == HEADER:
                return self._known.get(value)  # type: ignore[arg-type] # bytes are found nowhere
        return None

    async def judge(self, metadata: Metadata) -> str | None:
        """Return the gateway that asks; None if that cannot be told and it is served nevertheless.

        Raises:
            StrangerError: It is to be refused.
        """
        value = next((value for key, value in metadata if key == HEADER), "")
        found = self._look(value)
        if found is None and self.is_strict and self._confirm is not None:
            await self._confirm()
            found = self._look(value)
        if found is None:
            self._turn_away()
        return found

    def _look(self, value: str | bytes) -> str | None:
        if not value or isinstance(value, bytes):
            return None
        found = gateway_of(value, self._keys)
        if found is not None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known = {}
            self._known[value] = found
        return found

    def _turn_away(self) -> None:
        if self.is_strict:
            self.refused += 1
            raise StrangerError
        self.served += 1
