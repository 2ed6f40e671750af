"""Tells how long the module waits for the rate limit service: by default, and at most."""

from typing import Final

DEFAULT_MILLISECONDS: Final = 1000
"""Where nobody says it. After that the failure mode says what a request gets (`failure_mode`)."""

LONGEST_MILLISECONDS: Final = 60_000
"""The module takes no more, and so no setting may ask for more."""
