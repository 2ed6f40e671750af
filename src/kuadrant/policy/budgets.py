"""The budgets: how much a policy may ask of what it shares with others.

Of gateways' time and memory, and of the rate limit service.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Budgets(Struct, frozen=True, gc=False, kw_only=True):
    """The bounds that an installation can set; docs/budgets.md says why they are what they are.

    Steps are about 0.1 microseconds of a gateway at worst; memory and bytes are in bytes. ``rates`` are the
    limits that the rate limit service gets: a limit with three rates is three. ``counted`` are these times
    the counters of each, ``text`` are the characters of all conditions and counters. ``namespace_edits`` are
    the bytes of edited policies that are taken in a second.
    """

    expression_steps: int = 1_000_000
    expression_memory: int = 8 << 20
    policy_steps: int = 4_000_000
    policy_memory: int = 32 << 20
    policy_rates: int = 256
    policy_counted: int = 1024
    policy_conditions: int = 256
    policy_text: int = 64 << 10
    policy_bytes: int = 64 << 10
    namespace_rates: int = 8192
    namespace_bytes: int = 256 << 10
    namespace_edits: int = 8 << 10


class Usage(Struct, frozen=True, gc=False, kw_only=True):
    """The amounts that a policy asks for, in the words of :class:`Budgets`."""

    steps: int = 0
    memory: int = 0
    rates: int = 0
    counted: int = 0
    conditions: int = 0
    text: int = 0
    bytes: int = 0


DEFAULT: Final = Budgets()
