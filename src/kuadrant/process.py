"""Runs a command that goes on until it is told to end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable


class Stop(asyncio.Event):
    """Is set when the process has been told to end.

    Attributes:
        signals: the signals that told it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.signals: set[signal.Signals] = set()

    def note(self, number: signal.Signals) -> None:
        """Take note that the process got a signal."""
        self.signals.add(number)
        self.set()


def set_by(signals: Iterable[signal.Signals]) -> Stop:
    """Return what is set when this process gets one of ``signals``, which does not end it then."""
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in signals:
        loop.add_signal_handler(number, stop.note, number)
    return stop
