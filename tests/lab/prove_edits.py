"""While two hundred policies of one gateway are edited without a pause, each edit comes into force.

Issue F, 2.
"""

from __future__ import annotations

import json
import os
import sys
from threading import Event, Thread
from typing import TYPE_CHECKING

from tests.lab.walk import IN_EVERY_WAY

if TYPE_CHECKING:
    from tests.lab.walk import Walk

RATE = os.environ.get("STEADY_RATE", "30")
SECONDS = os.environ.get("STEADY_SECONDS", "20")


LOOK_SECONDS = 20.0
"""Between two looks at the memory of the operator."""
LEVEL_SECONDS = 60.0
"""After which it is to stay where it is."""


def memory(walk: Walk) -> int:
    """What the processes of the operator hold, the largest of them, in MiB."""
    pods = walk.lab.run(
        "kubectl",
        "get",
        "pods",
        "-n",
        "kuadrant-system",
        "-l",
        "control-plane=controller-manager",
        "-o",
        "name",
    ).split()
    held: list[float] = []
    for pod in pods:
        page = walk.lab.run(
            "kubectl",
            "get",
            "--raw",
            f"/api/v1/namespaces/kuadrant-system/{pod.replace('pod/', 'pods/')}:8080/proxy/metrics",
        )
        held += [
            float(line.split()[1])
            for line in page.splitlines()
            if line.startswith("process_resident_memory_bytes ")
        ]
    return round(max(held) / 2**20)


class Memory:
    """What the operator holds, looked at again and again while something goes on."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._ended = Event()
        self._looking = Thread(target=self._look)
        self.seen: list[int] = []

    def __enter__(self) -> list[int]:
        self._looking.start()
        return self.seen

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.seen.append(memory(self._walk))


@IN_EVERY_WAY
def test_each_of_many_edits_comes_into_force_while_others_go_on(walk: Walk) -> None:
    """How long each takes is printed.

    It depends on the machine. None may take the 20 s after which it counts as never.
    """
    words = (walk.url, walk.provided.namespace, walk.provided.gateway, RATE, SECONDS)
    with Memory(walk) as seen:
        output = walk.lab.run(sys.executable, "-m", "tests.lab.steady", *words, seconds=float(SECONDS) + 300)
    result = json.loads(output) | {"memory": seen}
    sys.stdout.write(f"{walk.provided.gateway}, {walk.delivery}: {json.dumps(result)}\n")

    assert result["wrong"] == {}
    if walk.delivery == "pull":
        assert result["objects written a second"] >= 0.5
    assert len(seen) >= float(SECONDS) / LOOK_SECONDS / 2
    # What comes before the edits, the making of the policies, is not counted: it takes less than a minute.
    later = seen[round(2 * LEVEL_SECONDS / LOOK_SECONDS) :]
    assert not later or max(later) <= 1.1 * later[0]
