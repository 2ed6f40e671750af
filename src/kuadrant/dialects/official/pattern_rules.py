"""Conditions and data of a rule, as the official shims before v0.7 write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.dialects.official.match_patterns import Row, Rows, counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.compiler.program import LimitAction


class PatternCondition(Struct, frozen=True, gc=False, rename="camel"):
    """Patterns that hold together."""

    all_of: Row


class Static(Struct, frozen=True, gc=False):
    """An entry with a fixed value."""

    value: str
    key: str


class Selector(Struct, frozen=True, gc=False, omit_defaults=True):
    """An entry with an attribute's value, under its selector.

    Without a value and a ``default`` the whole descriptor is dropped.
    """

    selector: str
    default: str | None = None


class Datum(Struct, frozen=True, gc=False, omit_defaults=True):
    """One of the two."""

    static: Static | None = None
    selector: Selector | None = None


def conditions(rows: Rows) -> tuple[PatternCondition, ...]:
    """The conditions of which one has to hold; none for rows that always hold."""
    return () if () in rows else tuple(PatternCondition(row) for row in rows)


def data(limits: Iterable[LimitAction]) -> tuple[Datum, ...]:
    """The entries of all ``limits``, each once, as one descriptor.

    Raises:
        InexpressibleError: A counter is none that the shim reads.
    """
    entries: dict[Datum, None] = {}
    for limit in limits:
        entries[Datum(static=Static("1", limit.key))] = None
        for counter in limit.counters:
            selector = counted(counter)
            # An empty query is none there.
            default = "" if selector == "request.query" else None
            entries[Datum(selector=Selector(selector, default))] = None
    return tuple(entries)
