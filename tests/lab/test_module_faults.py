"""Another module is chosen while it cannot be fetched.

The one that limits goes on, until the other can be.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab.faults import FAULTS, Faults, fault_server
from tests.lab.supplied import digest, running, supplied
from tests.lab.traffic import traffic
from tests.lab.walk import STRICT, wait
from tests.modules import Modules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.walk import Walk

HEALED_SECONDS = 30.0

# What is said of each, of the other module's address.
SAID = {
    "is down": "cannot be reached",
    "answers 503": "answers 503",
    "answers 404": "answers 404",
    "answers 500": "answers 500",
    "gives other bytes": "gives other bytes",
    "is cut short": "cannot be reached",
    "hangs": "cannot be reached",
    "is slow": "takes longer than 10 s",
}


@pytest.fixture(scope="module")
def modules(walk: Walk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Modules]:
    """An operator that follows a folder, a policy, and a server for faults.

    The policy's one request was let through already.
    """
    one = Modules(tmp_path_factory.mktemp("faults") / "modules")
    with supplied(walk.lab, one), fault_server(walk.lab):
        walk.apply(STRICT)
        wait(lambda: running(walk) == one.digests[0])
        wait(lambda: walk.enforced() == "True")
        wait(lambda: walk.status("-X", "POST") == "429", 15)
        yield one


@pytest.fixture
def faults(walk: Walk) -> Iterator[Faults]:
    """Faults that are over after each test."""
    one = Faults(walk)
    try:
        yield one
    finally:
        one.end()


def said(walk: Walk) -> str:
    """Why the Kuadrant is not ready; empty if it is."""
    kuadrant = ("kubectl", "get", "kuadrant", "kuadrant", "-n", "kuadrant-system", "-o", "json")
    conditions = json.loads(walk.lab.run(*kuadrant))["status"]["conditions"]
    return "".join(one["message"] for one in conditions if (one["type"], one["status"]) == ("Ready", "False"))


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_module_that_cannot_be_fetched_leaves_the_former_limiting_and_takes_over_when_it_can(
    walk: Walk, modules: Modules, faults: Faults, fault: str
) -> None:
    former = digest(walk)
    other = 1 - modules.digests.index(former)

    with traffic(walk, "POST", rate=100) as seen:
        faults.begin(fault)
        modules.choose(modules.data[other])
        wait(lambda: f"v{other} is not served" in said(walk) and SAID[fault] in said(walk), 60)
        assert f"?sha256={modules.digests[other]}" in said(walk)
        assert digest(walk) == former == running(walk)
        # It goes on while nothing is healed, too.
        before = seen.statuses().total()
        wait(lambda: seen.statuses().total() - before >= 500, 30)

        faults.end()
        began = time.monotonic()
        wait(lambda: running(walk) == modules.digests[other], HEALED_SECONDS)
        healed = time.monotonic() - began
        wait(lambda: said(walk) == "", 10)
    sys.stdout.write(
        f"{fault}: the other module limits {healed:.1f} s after its end; {dict(seen.statuses())}\n"
    )

    assert healed < HEALED_SECONDS
    assert set(seen.statuses()) == {"429"}
    assert walk.enforced() == "True"
