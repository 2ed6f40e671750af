"""Limits that are asked for and are not held: such a question is an error, and is remembered for a while.

Time is handed in.

Anybody who reaches the port may ask for any name, so what is remembered has a bound, in number and in length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from kuadrant.ratelimit.left_out_limits import LeftOutLimits

REMEMBERED_SECONDS: Final = 60.0
MOST: Final = 100
_LONGEST: Final = 300


class UnknownLimit(NamedTuple):
    """A limit that is not held: the domain of the requests, and the key that stands for it."""

    namespace: str
    key: str

    def __str__(self) -> str:
        return f"{self.key} of {self.namespace}"


class UnknownLimitError(Exception):
    """A request asks for a limit of a policy that is not held: whether it is one too many cannot be told."""

    def __init__(self, domain: str, keys: Sequence[str]) -> None:
        named = ", ".join(map(_short, keys[:3]))
        super().__init__(f"no limit of {_short(domain)!r} is held, as it is asked for, for {named}")


def missing(
    domain: str, keys: Iterable[str], held: Container[str], left_out: LeftOutLimits
) -> tuple[str, ...]:
    """Return those of ``keys``, which stand for limits of policies, that are not held, or not whole.

    A question for one of them is an error, which follows the failure mode, and never OK.
    """
    return tuple(key for key in keys if key not in held or left_out.has(domain, key))


class UnknownLimits:
    """Remembers the limits that were asked for in vain, each with the time of the last question."""

    def __init__(self) -> None:
        self._asked: dict[UnknownLimit, float] = {}

    def note(self, namespace: str, key: str, now: float) -> UnknownLimit | None:
        """A question for ``key``.

        The limit is returned when it is not known to be asked for yet, None if it is, or at the bound.
        """
        limit = UnknownLimit(_short(namespace), _short(key))
        is_new = limit not in self._asked
        if is_new and len(self._asked) >= MOST:
            self._forget(now)
            if len(self._asked) >= MOST:
                return None
        self._asked[limit] = now
        return limit if is_new else None

    def recent(self, now: float) -> tuple[UnknownLimit, ...]:
        """Those of the last ``REMEMBERED_SECONDS``, in order."""
        self._forget(now)
        return tuple(sorted(self._asked))

    def drop(self, is_held: Callable[[UnknownLimit], bool]) -> None:
        """Forget those that are held now."""
        self._asked = {limit: at for limit, at in self._asked.items() if not is_held(limit)}

    def _forget(self, now: float) -> None:
        self._asked = {limit: at for limit, at in self._asked.items() if now < at + REMEMBERED_SECONDS}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
