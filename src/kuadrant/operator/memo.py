"""Results that stay the same instances as long as what they are made from does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


class Last(Generic[P, R]):
    """Calls a pure function anew only if an argument is another instance than in the last call."""

    def __init__(self, function: Callable[P, R]) -> None:
        self._function = function
        self._last: tuple[tuple[object, ...], R] | None = None

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> R:
        """Return what the function gives for these arguments."""
        given = (*arguments, *named.values())
        if self._last is not None and are(self._last[0], given):
            return self._last[1]
        result = self._function(*arguments, **named)
        self._last = (given, result)
        return result


def are(former: tuple[object, ...], now: tuple[object, ...]) -> bool:
    """Whether these are the very same instances."""
    return len(former) == len(now) and all(a is b for a, b in zip(former, now, strict=True))


def kept(former: R | None, now: R) -> R:
    """Return ``former`` if it is equal to ``now``, so that what is equal is the same instance."""
    return former if former is not None and former == now else now
