"""How long to wait before the same thing is done once more; pure but for what it remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Container, Hashable

    K = TypeVar("K", bound=Hashable)
else:
    K = TypeVar("K")

AT_ONCE: Final = 3
"""So many times something is put back at once."""
LONGEST: Final = 60.0
_FIRST: Final = 0.25
_CALM: Final = 120.0
"""Seconds after which a former time does not count any more."""


class Patience(Generic[K]):
    """Tells who undoes something from who does it again and again, such as a controller that wants it otherwise."""

    def __init__(self) -> None:
        self._times: dict[K, tuple[object, int, float]] = {}

    def delay(self, key: K, wanted: object, now: float) -> float:
        """Return the seconds to wait before ``wanted`` is done for ``key``, having been done at each former call.

        Anything else that is wanted begins anew: only what is done over and over waits, longer each time.
        """
        former, times, at = self._times.get(key, (None, 0, 0.0))
        if former != wanted or now - at > _CALM:
            times = 0
        self._times[key] = (wanted, times + 1, now)
        if times < AT_ONCE:
            return 0.0
        return min(LONGEST, _FIRST * 2.0 ** min(times - AT_ONCE, 16))

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._times)

    def keep(self, keys: Container[K]) -> None:
        """Forget all others."""
        self._times = {key: value for key, value in self._times.items() if key in keys}
