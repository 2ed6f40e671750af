"""The first requests after the first policy of an installation are limited or let through.

None fails (issue F, 6).
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

from tests.lab.walk import IN_EVERY_WAY, KUADRANT, POLICY, let_go, wait

if TYPE_CHECKING:
    from tests.lab.walk import Walk

INSTALLS = int(os.environ.get("INSTALLS", "1"))
IN = ("-n", "kuadrant-system")
RATE_LIMIT = "deployment/kuadrant-ratelimit"


def uninstall(walk: Walk) -> None:
    """Be as before anybody asked for anything.

    No policy, no limits, and a rate limit service that was never ready.
    """
    run = walk.lab.run
    run("kubectl", "delete", "ratelimitpolicy", "toystore", "--ignore-not-found")
    # Nobody has a connection that would still ask by it.
    one = walk.provided
    run("kubectl", "delete", one.objects, one.cluster, "-n", one.namespace, "--ignore-not-found")
    let_go(walk.lab)
    wait(lambda: not [one for one in walk.objects() if "kuadrant" in one])
    run("kubectl", "delete", "limitador", "limitador", *IN, "--ignore-not-found")
    run("kubectl", "scale", RATE_LIMIT, *IN, "--replicas=0")
    ready = "jsonpath={.status.replicas}"
    wait(lambda: run("kubectl", "get", RATE_LIMIT, *IN, "-o", ready) in ("", "0"))
    run("kubectl", "scale", RATE_LIMIT, *IN, "--replicas=1")


@IN_EVERY_WAY
def test_no_request_after_the_first_policy_is_enforced_fails(walk: Walk) -> None:
    seen: list[Counter[str]] = []
    try:
        for _ in range(INSTALLS):
            uninstall(walk)
            walk.apply(KUADRANT, *IN)
            walk.apply(POLICY)
            wait(lambda: walk.enforced() == "True", 90)
            seen.append(Counter(walk.statuses(7, "-X", "POST")))
    finally:
        walk.lab.run("kubectl", "delete", "ratelimitpolicy", "toystore", "--ignore-not-found")
        walk.apply(KUADRANT, *IN)
    sys.stdout.write(f"{walk.provided.gateway}, {walk.delivery}: {json.dumps(seen)}\n")

    assert seen == [Counter({"200": 5, "429": 2})] * INSTALLS
