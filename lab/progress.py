"""What a person sees while the lab works: one line for each step, with its time."""

import sys
import time

_START = time.monotonic()


def say(step: str, *, since: float = _START) -> None:
    """Print what is true now, and how many seconds it took since `since` (the start of the program)."""
    print(f"{time.monotonic() - since:7.1f} s  {step}", file=sys.stderr, flush=True)
