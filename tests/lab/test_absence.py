"""Gateways go on limiting while the operator is away, and follow it again when it is back.

ABSENCE_SECONDS is for how long it is away; 120 is what the product promises.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab.replicas import DEPLOYMENT, LABELS, NAMESPACE, strict
from tests.lab.traffic import traffic
from tests.lab.walk import wait

if TYPE_CHECKING:
    from tests.lab.walk import Walk

SECONDS = float(os.environ.get("ABSENCE_SECONDS", "15"))


@pytest.mark.timeout(900)
def test_while_the_operator_is_away_no_answer_changes(walk: Walk) -> None:
    walk.apply(strict(1))
    wait(lambda: walk.enforced() == "True")
    wait(lambda: walk.status("-X", "POST") == "429", 15)

    with traffic(walk, "GET", "POST") as seen:
        walk.lab.run("kubectl", "delete", "deployment", DEPLOYMENT, "-n", NAMESPACE)
        wait(
            lambda: walk.lab.run("kubectl", "get", "pods", "-n", NAMESPACE, "-l", LABELS, "-o", "name") == ""
        )
        time.sleep(SECONDS)
        walk.lab.make("local-deploy")
    get, post = (seen.statuses(method) for method in ("GET", "POST"))
    sys.stdout.write(f"{SECONDS:.0f} s without an operator, and until it was back: GET {get}, POST {post}\n")

    assert (set(get), set(post)) == ({"200"}, {"429"})
    walk.apply(strict(1_000_000))
    wait(lambda: walk.status("-X", "POST") == "200", 30)
