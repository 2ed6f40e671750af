"""Makes the same thing wait longer each time before it is done once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from kuadrant.operator.core.times import (
    FIRST_REPETITION_SECONDS,
    LONGEST_REPETITION_SECONDS,
    REPETITION_CALM_SECONDS,
)

if TYPE_CHECKING:
    from collections.abc import Container, Hashable

    K = TypeVar("K", bound=Hashable)
else:
    K = TypeVar("K")

AT_ONCE: Final = 3
"""So many times something is put back at once."""


class Repetition(Generic[K]):
    """Tells somebody who undoes something once from one who always will, such as another controller."""

    def __init__(self) -> None:
        self._times: dict[K, tuple[object, int, float]] = {}

    def delay(self, key: K, wanted: object, now: float) -> float:
        """Return the seconds to wait before the same is done for a key as at each former call.

        Anything else that is wanted begins anew: only what is done over and over waits, longer each time.

        Args:
            key: for what it is done.
            wanted: what is done.
            now: seconds of a clock that does not go back.
        """
        former, times, at = self._times.get(key, (None, 0, 0.0))
        if former != wanted or now - at > REPETITION_CALM_SECONDS:
            times = 0
        self._times[key] = (wanted, times + 1, now)
        if times < AT_ONCE:
            return 0.0
        return min(LONGEST_REPETITION_SECONDS, FIRST_REPETITION_SECONDS * 2.0 ** min(times - AT_ONCE, 16))

    def __len__(self) -> int:
        """Count the keys that are remembered."""
        return len(self._times)

    def keep(self, keys: Container[K]) -> None:
        """Forget all other keys."""
        self._times = {key: value for key, value in self._times.items() if key in keys}
