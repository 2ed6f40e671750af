"""What was edited away is not remembered.

Memory stays level however often and however differently somebody edits.
"""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from kuadrant.dialects import DIALECTS
from kuadrant.operator.core import kinds
from kuadrant.operator.core.accepted_policies import AcceptedPolicies
from kuadrant.operator.core.decider import Decider
from tests.unit.operator.core.observed import filled, policy
from tests.unit.operator.known import known, module

pytestmark = [pytest.mark.slow, pytest.mark.long]

EDITS = 5000
MIB = 1 << 20


def edited(number: int) -> dict[str, Any]:
    """A policy of 3 KB with texts that no other edit has; one of ten cannot be carried out."""
    text = f"{number}" + "a" * 1000
    when = [
        {"predicate": f"request.path == '{text}'"},
        {"predicate": f"request.url_path.matches('^/{number}$')"},
    ]
    if number % 10 == 0:
        when.append({"predicate": f"nope == '{text}'"})
    counters = [{"expression": f"request.query + '{text}'"}]
    return policy(number, generation=number, also={"when": when, "counters": counters})


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_five_thousand_edits_leave_memory_level() -> None:
    cluster, accepted, decider = filled(), AcceptedPolicies(), Decider()
    # Both kinds of module, in turn: each has its own way to look at expressions.
    surroundings = [known(module=module(dialect=DIALECTS[name])) for name in ("kuadrant-v1", "action-sets")]

    def edit(number: int) -> None:
        cluster.put(kinds.POLICIES, edited(number))
        decider.decide(accepted.of(cluster.observer.world(), float(number)), surroundings[number % 2])

    def used() -> tuple[int, int]:
        gc.collect()
        return tracemalloc.get_traced_memory()[0], resident()

    tracemalloc.start()
    try:
        for number in range(EDITS // 5):
            edit(number)
        before = used()
        for number in range(EDITS // 5, EDITS):
            edit(number)
        after = used()
    finally:
        tracemalloc.stop()
    # A tenth of what was written would be more.
    assert after[0] - before[0] < 0.5 * MIB
    assert after[1] - before[1] < 16 * MIB
