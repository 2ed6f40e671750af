"""Shows a person what the lab does: one line for each step, with its time."""

import sys
import time

_START = time.monotonic()


def say(step: str, *, since: float | None = None) -> None:
    """Print what is true now, with the time since the program's start.

    Also how long the step took, if it began at `since`.
    """
    took = "" if since is None else f" ({time.monotonic() - since:.1f} s)"
    print(f"{time.monotonic() - _START:7.1f} s  {step}{took}", file=sys.stderr, flush=True)
