"""Finds the parts of the policies that no test reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.policy_tests.results import Coverage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.policy_tests.inventory import Inventory, KnownLimit, KnownRule
    from kuadrant.policy_tests.results import FileResult


def coverage(inventories: Iterable[Inventory], files: Iterable[FileResult]) -> Coverage:
    """Return which limits and rules of ``inventories`` the tests of ``files`` do not reach.

    A limit is reached by a request that is counted under it or refused by it, a rule by one that is its own.
    """
    limits: set[KnownLimit] = set()
    rules: set[KnownRule] = set()
    for one in inventories:
        limits.update(one.limits.values())
        rules.update(one.rules.values())
    reached = {what for file in files for case in file.cases for what in case.reached}
    return Coverage(
        limits=len(limits),
        rules=len(rules),
        limits_not_reached=tuple(sorted(limits - reached)),
        rules_not_reached=tuple(sorted(rules - reached)),
    )
