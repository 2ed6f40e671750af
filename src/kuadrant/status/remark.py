"""Tells what the author of a policy ought to look at, in the words of its condition and its Events."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

_LONGEST: Final = 2_000


class Remark(Struct, frozen=True, gc=False):
    """Says what a policy's author ought to look at: a finding of ``kuadrant check``, and how grave it is."""

    code: str
    severity: Literal["error", "warning", "note"]
    field: str
    message: str

    @property
    def place(self) -> str:
        """The beginning of its words, which tells it from all others of the policy."""
        return f"{self.field} ({self.code}): "

    def __str__(self) -> str:
        """Return the words of the condition and of the Event."""
        return f"{self.place}{self.message}"[:_LONGEST]
