"""Compares the requests of two matches, as far as paths and methods tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kuadrant.policy.match import PathMatch, RequestMatch


def may_meet(one: RequestMatch, other: RequestMatch) -> bool:
    """Tell whether some request may fulfil both."""
    if one.method is not None and other.method is not None and one.method != other.method:
        return False
    return _paths_may_meet(one.path, other.path)


def method_covers(wide: RequestMatch, narrow: RequestMatch) -> bool:
    """Tell whether every request of ``narrow`` has the method of ``wide``."""
    return wide.method in (None, narrow.method)


def path_covers(wide: PathMatch | None, narrow: PathMatch | None) -> bool:
    """Tell whether every request with the path of ``narrow`` has that of ``wide``."""
    if wide is None or wide == narrow:
        return True
    return (
        wide.type == "prefix" and narrow is not None and narrow.type != "regex" and _under(narrow.value, wide)
    )


def _paths_may_meet(one: PathMatch | None, other: PathMatch | None) -> bool:
    if one is None or other is None or "regex" in (one.type, other.type):
        return True
    if one.type == other.type == "exact":
        return one.value == other.value
    return (one.type == "prefix" and _under(other.value, one)) or (
        other.type == "prefix" and _under(one.value, other)
    )


def _under(path: str, prefix: PathMatch) -> bool:
    return path == prefix.value or path.startswith(prefix.value.rstrip("/") + "/")
