"""All attacks at once, on what is deployed, with the memory that its containers may have.

Nothing ends, and no limit is lost.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from tests.lab.besieging import attacks, gateway_address, state
from tests.lab.walk import IN_EVERY_WAY
from tests.tenants import MOST
from tests.two_tenants import wrong

if TYPE_CHECKING:
    from tests.lab.walk import Walk

SECONDS = float(os.environ.get("ATTACK_SECONDS", "20"))
REST = float(os.environ.get("ATTACK_REST", "60"))
SHIPPED = 512
"""MiB that the containers may have by config/, as the kernel has to hold it."""
MORE_MEMORY = 96
"""MiB that a process may have more a minute later.

What an allocator keeps, and the hostile tenant's counters until they are over.
"""
MORE_DESCRIPTORS = 20


@IN_EVERY_WAY
def test_nothing_ends_and_no_limit_is_lost_while_everything_is_attacked(walk: Walk) -> None:
    before = state(walk.lab)
    assert {pod.bound for name, pod in before.items() if name.startswith("kuadrant-")} == {SHIPPED}
    words = (walk.url, walk.provided.namespace, walk.provided.gateway, str(SECONDS), str(REST))
    gateway = gateway_address(walk.lab, walk.provided.gateway)

    with attacks(walk.lab, gateway, SECONDS):
        output = walk.lab.run(
            sys.executable, "-m", "tests.lab.besieged", *words, seconds=SECONDS * 2 + REST + 300
        )
    result = json.loads(output)
    after = state(walk.lab)
    sys.stdout.write(f"{output}\n{before}\n{after}\n")

    assert after.keys() == before.keys(), "no pod was replaced"
    assert {name: pod.restarts for name, pod in after.items()} == {
        name: pod.restarts for name, pod in before.items()
    }
    parts = result["parts"]
    statuses = {name: part["honest"]["statuses"] for name, part in parts.items()}
    # Under all of it at once a call may come too late. It may count, and is never admitted as one more.
    for name, seen in statuses.items():
        assert seen.keys() <= {"200", "429", "500"}, name
        due = min(MOST, sum(seen.values()))
        assert 0 <= due - seen["200"] <= seen.get("500", 0), name
    assert wrong({"afterwards": parts["afterwards"]}) == []
    first, last = result["conditions"]
    assert last == first
    for name, pod in after.items():
        assert pod.memory <= before[name].memory + MORE_MEMORY, name
        assert pod.descriptors <= before[name].descriptors + MORE_DESCRIPTORS, name
