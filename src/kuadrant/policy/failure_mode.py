"""The failure mode: what a limited request gets when the rate limit service gives no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from kuadrant.api.limit_fallback import Fallback

FailureMode = Literal["deny", "allow"]
"""With ``deny`` the answer is 500; with ``allow`` the request goes on."""

DEFAULT_FAILURE_MODE: Final[FailureMode] = "deny"


def failure_mode(fallback: Fallback | None) -> FailureMode | None:
    """Return what a limit's fallback is as a failure mode; None if the limit says nothing of it."""
    match fallback:
        case "Deny":
            return "deny"
        case "Allow":
            return "allow"
        case None:
            return None
