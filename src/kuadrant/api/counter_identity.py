"""Decides what makes the counters of a limit its own, and so when an edited limit starts from zero.

It does when its namespace, window, conditions, variables or algorithm change, and goes on counting when
anything else does, such as how many requests it lets pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.algorithm import Algorithm

if TYPE_CHECKING:
    from collections.abc import Iterable

Identity = tuple[str, int, frozenset[str], frozenset[str], Algorithm]
"""Namespace, seconds, conditions and variables of a limit, and how it counts."""


def counter_identity(
    namespace: str, seconds: int, conditions: Iterable[str], variables: Iterable[str], algorithm: Algorithm
) -> Identity:
    """Return what limits that share counters have in common, in any order of conditions and variables."""
    return (namespace, seconds, frozenset(conditions), frozenset(variables), algorithm)
