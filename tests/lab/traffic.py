"""Clients of the gateway, running all the while that a test does something to what is behind it."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.images import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.walk import Walk


@dataclass(frozen=True)
class Run:
    """So many equal answers in a row, and when the first and the last of them came.

    Times are in seconds of Unix time.
    """

    status: str
    first: float
    last: float
    count: int


class Traffic:
    """What the clients have been answered up to now: a status, or the name of what came in its place."""

    def __init__(self) -> None:
        self._lines: list[tuple[float, str, str]] = []

    def note(self, line: str) -> None:
        """Take a line of the clients."""
        time, method, status = line.split()
        self._lines.append((float(time), method, status))

    def statuses(self, method: str = "POST") -> Counter[str]:
        """How often each answer was given."""
        return Counter(status for _, asked, status in tuple(self._lines) if asked == method)

    def runs(self) -> list[Run]:
        """The answers in their order."""
        grouped = itertools.groupby(tuple(self._lines), key=lambda line: line[2])
        groups = ((status, [time for time, _, _ in lines]) for status, lines in grouped)
        return [Run(status, times[0], times[-1], len(times)) for status, times in groups]


@contextmanager
def traffic(walk: Walk, *methods: str, rate: float = 100.0, connections: int = 1) -> Iterator[Traffic]:
    """Send requests of each of ``methods`` in turn, ``rate`` of them a second.

    Without ``connections``, over a new one each time.

    At the end every request that was sent has had its answer.
    """
    seen = Traffic()
    script = str(ROOT / "tests/lab/client.py")
    words = (script, walk.url, ",".join(methods or ("POST",)), str(rate), str(connections))
    process = subprocess.Popen(
        [ROOT / "lab" / "run", sys.executable, *words],
        env={**os.environ, "LAB": walk.lab.name},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines = process.stdout

    def read() -> None:
        for line in lines:
            seen.note(line)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        process.stdin.close()  # what it ends by, and all that ends the process inside
        status = process.wait(60)
        reader.join()
        lines.close()
    assert status == 0
