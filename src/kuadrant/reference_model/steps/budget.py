"""Counts what an evaluation may take, as ``cel/work_budget.zig`` counts it."""

from __future__ import annotations

from typing import Final

MOST_STEPS: Final = 50_000
MOST_BYTES: Final = 1 << 20
"""What one expression may take for one request."""


class SpentError(Exception):
    """All steps, or all bytes, are taken."""

    def __init__(self, *, is_memory: bool) -> None:
        super().__init__("memory" if is_memory else "steps")
        self.is_memory = is_memory


class Work:
    """The steps and bytes that are left."""

    def __init__(self, steps: int = MOST_STEPS, size: int = MOST_BYTES) -> None:
        self.steps = steps
        self.bytes = size

    def take(self, steps: int) -> None:
        """Take so many steps."""
        if steps > self.steps:
            raise SpentError(is_memory=False)
        self.steps -= steps

    def over(self, length: int) -> None:
        """So many bytes are compared or copied, several at once."""
        self.take(length // 32)

    def through(self, length: int) -> None:
        """So many bytes are looked at one by one."""
        self.take(length // 8)

    def allocate(self, of: int, count: int = 1) -> None:
        """Take the memory of so many items of a size."""
        size = of * count
        if not size:
            return
        if size > self.bytes:
            raise SpentError(is_memory=True)
        self.bytes -= size
        self.take(3 + size // 16)


class Growth:
    """The memory of a list that grows, of items of a size."""

    def __init__(self, work: Work, of: int) -> None:
        self._work = work
        self._of = of
        self._capacity = 0
        self.length = 0

    def append(self) -> None:
        """One more."""
        self._work.take(1)
        if self.length == self._capacity:
            self._grow(max(4, 2 * self.length))
        self.length += 1

    def append_all(self, count: int) -> None:
        """So many more at once."""
        if count > self._capacity - self.length:
            self._grow(max(self.length + count, 2 * self.length))
        self.length += count
        self._work.take(1 + count * self._of // 32)

    def _grow(self, capacity: int) -> None:
        self._work.allocate(self._of, capacity)
        self._capacity = capacity
