"""The algebra of host names: which set of names a host name stands for, and how two such sets relate.

A host name is exact (``api.example.com``), a wildcard (``*.example.com``: every name that ends in
``.example.com``, with one or more labels in place of the star, never ``example.com`` itself) or ``*`` (every
name). All are in lower case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

EVERY_HOSTNAME = "*"


def is_wildcard(hostname: str) -> bool:
    """Tell whether ``hostname`` stands for more than one name."""
    return hostname.startswith("*")


def is_subset(hostname: str, of: str) -> bool:
    """Tell whether every name that ``hostname`` stands for is one that ``of`` stands for, too."""
    if hostname == of:
        return True
    if not hostname or not is_wildcard(of):
        return False
    # The suffix begins with the dot; of "*" it is empty, and every name ends in it.
    return hostname.endswith(of[1:]) and len(hostname) >= len(of)


def intersection(first: str, second: str) -> str | None:
    """The host name for the names that both stand for, or None if there is none.

    Two host names are disjoint or one contains the other; they never overlap in part.
    """
    if is_subset(first, second):
        return first
    if is_subset(second, first):
        return second
    return None


def specificity(hostname: str) -> tuple[bool, int, str]:
    """A sort key: exact names first, then wildcards with the longest suffix first, then by name."""
    return (is_wildcard(hostname), -len(hostname), hostname)


def most_specific_owner(hostname: str, owners: Iterable[str]) -> str | None:
    """The most specific of ``owners`` that contains ``hostname``, or None if none does.

    This is how a request, or a whole host name of a route, finds its listener (Gateway API: listener
    isolation).
    """
    return min((owner for owner in owners if is_subset(hostname, owner)), key=specificity, default=None)
