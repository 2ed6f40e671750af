"""Statuses as plain text, a line for each condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.status import PolicyStatus


def as_text(statuses: Iterable[PolicyStatus]) -> str:
    """Return a line for each condition of each policy: name, type, status, reason and message."""
    rows = [
        (
            f"{status.namespace}/{status.name}",
            f"{condition.type}={condition.status}",
            condition.reason,
            condition.message,
        )
        for status in statuses
        for condition in status.conditions
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = (
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]))
        for row in rows
    )
    return "".join(f"{line}\n" for line in lines)
