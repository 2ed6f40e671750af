"""Has a command that goes on until Ctrl-C say its last words."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def until_interrupted() -> Iterator[None]:
    """Have Ctrl-C, and SIGTERM, end what is within this and nothing else.

    Other commands are ended by a signal at once (``kuadrant.__main__``).
    """
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, signal.default_int_handler) for number in signals}
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
