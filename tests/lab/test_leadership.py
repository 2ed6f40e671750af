"""One process writes. When it dies another goes on within the Lease's time.

One that was only held up writes no more.

LEADERS_KILLED is how many leaders die; 20 is what the product promises.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab.replicas import NAMESPACE, leader, replicas, strict
from tests.lab.traffic import traffic
from tests.lab.walk import wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.replicas import Replica
    from tests.lab.walk import Walk

KILLED = int(os.environ.get("LEADERS_KILLED", "2"))
LEASE_SECONDS = 15.0
# Candidates look at the Lease every 2 s or so, and the edit itself has to reach the gateway.
PATIENCE = LEASE_SECONDS + 5.0


def ready_pair(walk: Walk) -> tuple[Replica, Replica]:
    """The leader and the other one, as soon as both are ready."""
    found: list[Replica] = []

    def both() -> bool:
        found[:] = replicas(walk.lab)
        return len(found) == 2 and leader(walk.lab) in {one.pod for one in found}

    wait(both, 120)
    holder = leader(walk.lab)
    first, second = sorted(found, key=lambda one: one.pod != holder)
    return first, second


@pytest.fixture
def limited(walk: Walk) -> Iterator[Walk]:
    walk.apply(strict(1))
    wait(lambda: walk.enforced() == "True")
    wait(lambda: walk.status("-X", "POST") == "429", 15)
    yield walk
    walk.apply(strict(1))


def edit_holds(walk: Walk, limit: int, status: str) -> float:
    """Edit the limit; return how long it takes until the answer to POST is ``status``."""
    began = time.monotonic()
    walk.apply(strict(limit))
    wait(lambda: walk.status("-X", "POST") == status, 60)
    return time.monotonic() - began


@pytest.mark.timeout(1800)
def test_when_the_leader_is_killed_another_goes_on_within_the_leases_time(limited: Walk) -> None:
    seconds: list[float] = []
    with traffic(limited, "GET", "POST") as seen:
        for number in range(KILLED):
            old, _ = ready_pair(limited)
            limited.lab.run("kill", "-KILL", str(old.pid))
            free = number % 2 == 0
            took = edit_holds(limited, 1_000_000 if free else 1, "200" if free else "429")
            # Who leads now is the other pod's process, or the one that was started in the place of the dead
            # one.
            seconds.append(round(took, 1))
            # A new pod in its place: a container that has died several times is held back longer and longer.
            limited.lab.run("kubectl", "delete", "pod", old.pod, "-n", NAMESPACE, "--wait=false")
    sys.stdout.write(f"{KILLED} leaders killed; seconds until the next edit held: {seconds}\n")

    assert max(seconds) <= PATIENCE
    assert set(seen.statuses("GET")) == {"200"}
    assert set(seen.statuses("POST")) <= {"200", "429"}


@pytest.mark.timeout(300)
def test_a_leader_that_was_held_up_writes_no_more(limited: Walk) -> None:
    old, other = ready_pair(limited)
    limited.lab.run("kill", "-STOP", str(old.pid))
    try:
        assert edit_holds(limited, 1_000_000, "200") <= PATIENCE
        assert leader(limited.lab) == other.pod
    finally:
        resumed = limited.lab.run("date", "-u", "+%Y-%m-%dT%H:%M:%SZ")
        limited.lab.run("kill", "-CONT", str(old.pid))

    def log() -> list[str]:
        """What it has logged since it went on; its process has ended by then."""
        command = ("kubectl", "logs", old.pod, "-n", NAMESPACE, "--previous")
        found = limited.lab.attempt(*command)
        lines = found.stdout.splitlines() if found.returncode == 0 else []
        return [line for line in lines if line.partition("\t")[0] >= resumed]

    wait(lambda: any("leadership is lost" in line for line in log()), 60)
    assert [line for line in log() if "\tapply\t" in line or "\tdelete\t" in line] == []
    assert edit_holds(limited, 1, "429") <= PATIENCE
