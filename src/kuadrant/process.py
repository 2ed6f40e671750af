"""Runs a command that goes on until it is told to end."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterable

_THRESHOLDS: Final = (100_000, 50, 100)


def collect_garbage_rarely() -> None:
    """Have the collector of cycles look at what there is a hundred times less often than by default.

    Objects and limits come and go by the thousand and are no cycles: to look for some all the time would take
    longer than the work itself.
    """
    gc.set_threshold(*_THRESHOLDS)


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
