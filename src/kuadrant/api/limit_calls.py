"""Defines the numbers of calls that were admitted and limited, for each scope and limit."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

PATH: Final = "/calls"


class LimitCalls(Struct, frozen=True, kw_only=True, gc=False):
    """The calls about one limit.

    Attributes:
        limit: The name, as the rate limit service knows it.
        limited: Calls that it denied.
        shadow: Calls that it would have denied, if it were enforced.
        soft: Calls that it had no room for, and said so.
    """

    limit: str
    limited: int = 0
    shadow: int = 0
    soft: int = 0


class ScopeCalls(Struct, frozen=True, kw_only=True, gc=False):
    """The calls for one scope (a route's or a policy's ``namespace/name``).

    Attributes:
        scope: What is counted for.
        admitted: Calls for which every limit had room.
        limits: Those that have denied something, would have, or were exceeded.
    """

    scope: str
    admitted: int = 0
    limits: tuple[LimitCalls, ...] = ()

    @property
    def limited(self) -> int:
        """The calls that one of the limits denied."""
        return sum(one.limited for one in self.limits)

    @property
    def shadow(self) -> int:
        """The calls that a limit in shadow would have denied."""
        return sum(one.shadow for one in self.limits)

    @property
    def soft(self) -> int:
        """The calls that a soft limit had no room for."""
        return sum(one.soft for one in self.limits)


class CallTotals(Struct, frozen=True, kw_only=True):
    """All of them.

    Attributes:
        scopes: Those with calls.
        failed: Calls that could not be decided: the failure mode of the gateway decides.
    """

    scopes: tuple[ScopeCalls, ...] = ()
    failed: int = 0
