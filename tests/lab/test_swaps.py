"""One module takes the place of another while clients send requests, again and again: nobody notices.

SWAPS is how often; 20 is what the product promises.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab.conftest import ROOT
from tests.lab.supplied import calls, running, supplied
from tests.lab.traffic import traffic
from tests.lab.walk import POLICY, wait
from tests.modules import Modules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.walk import Walk

SWAPS = int(os.environ.get("SWAPS", "5"))
APART_SECONDS = 3.0
RATE = 200.0


@pytest.fixture
def modules(walk: Walk, tmp_path: Path) -> Iterator[Modules]:
    one = Modules(tmp_path / "modules")
    with supplied(walk.lab, one):
        yield one


def fetched(walk: Walk) -> set[str]:
    """The modules that the gateway's pods have fetched, as a person finds out."""
    lines = json.loads(walk.lab.run(str(ROOT / ".venv/bin/kuadrant"), "wasm", "who", "--output", "json"))
    pods = f"{walk.provided.namespace}/{walk.provided.gateway}-"
    return {
        line["sha256"]
        for line in lines
        if line["pod"].startswith(pods) and (line["client"], line["status"]) == ("gateway", 200)
    }


@pytest.mark.long
@pytest.mark.timeout(900)
def test_modules_are_swapped_under_load_and_every_request_is_answered_and_counted(
    walk: Walk, modules: Modules
) -> None:
    walk.apply(POLICY)
    wait(lambda: running(walk) == modules.digests[0])
    wait(lambda: walk.enforced() == "True")
    wait(lambda: "429" in walk.statuses(6, "-X", "POST"), 30)
    before = calls(walk.lab)
    seconds = []

    with traffic(walk, "POST", rate=RATE, connections=8) as seen:
        for number in range(1, SWAPS + 1):
            began = time.monotonic()
            modules.choose(modules.data[number % 2])
            wait(lambda number=number: running(walk) == modules.digests[number % 2], 30)  # type: ignore[misc]
            seconds.append(time.monotonic() - began)
            time.sleep(max(0.0, began + APART_SECONDS - time.monotonic()))

    statuses = seen.statuses()
    sys.stdout.write(
        f"{SWAPS} swaps in {sum(max(one, APART_SECONDS) for one in seconds):.0f} s, each run after "
        f"{min(seconds):.1f}"
        f" to {max(seconds):.1f} s; {statuses.total()} requests: {dict(statuses)}\n"
    )
    assert set(statuses) == {"200", "429"}
    assert calls(walk.lab) - before == statuses.total()
    assert set(modules.digests) <= fetched(walk)
