"""Progress of a long command, for a person who watches a terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from types import TracebackType

_WIDTH = 30
_SECONDS = 0.1
_MIB = 2**20


class Bar:
    """A line that shows how much of a download is there; nothing where the output is no terminal.

    Use it as a context.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._watched = output.isatty()
        self._due = 0.0
        self._drawn = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            self._output.write("\r" + " " * self._drawn + "\r")
            self._output.flush()

    def show(self, done: int, size: int | None) -> None:
        """Show that ``done`` of ``size`` bytes are there; ``size`` is None where it is not known."""
        now = time.monotonic()
        if not self._watched or (now < self._due and done != size):
            return
        self._due = now + _SECONDS
        line = f"{done / _MIB:.1f} MiB"
        if size:
            full = min(_WIDTH * done // size, _WIDTH)
            line = f"[{'#' * full}{'.' * (_WIDTH - full)}] {done / _MIB:.1f} of {size / _MIB:.1f} MiB"
        self._output.write("\r" + line.ljust(self._drawn))
        self._output.flush()
        self._drawn = max(self._drawn, len(line))
