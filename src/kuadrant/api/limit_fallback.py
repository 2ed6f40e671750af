"""Tells what becomes of requests that a limit applies to, where the rate limit service gives no answer."""

from typing import Literal

Fallback = Literal["Deny", "Allow"]
"""With ``Deny`` the answer is 500; with ``Allow`` the request goes on."""
