"""The failure mode: what a limited request gets when the rate limit service gives no answer."""

from typing import Final, Literal

FailureMode = Literal["deny", "allow"]
"""With ``deny`` the answer is 500; with ``allow`` the request goes on."""

DEFAULT_FAILURE_MODE: Final[FailureMode] = "deny"
