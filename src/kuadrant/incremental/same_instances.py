"""Keeps the same instances for what stays equal: a look at the identity tells whether it changed."""

from __future__ import annotations

from operator import is_
from typing import TypeVar

T = TypeVar("T")


def are(former: tuple[object, ...], now: tuple[object, ...]) -> bool:
    """Return whether these are the very same instances."""
    return len(former) == len(now) and all(map(is_, former, now))


def kept(former: T | None, now: T) -> T:
    """Return ``former`` if it is equal to ``now``, so that what is equal is the same instance."""
    return former if former is not None and former == now else now


def same_items(former: tuple[T, ...], now: tuple[T, ...]) -> tuple[T, ...]:
    """Return ``former`` if it has the very same items as ``now``, without comparing what they say."""
    return former if are(former, now) else now
