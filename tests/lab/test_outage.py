"""The API server is away, comes and goes, and forgets what was.

The operator goes on by itself and writes nothing for nothing.

OUTAGE_SECONDS is for how long it is away at once; 30 is what the product promises.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.lab.api_server import samples
from tests.lab.replicas import replicas, resident_kib, strict, writes
from tests.lab.traffic import traffic
from tests.lab.walk import wait

if TYPE_CHECKING:
    from tests.lab.replicas import Replica
    from tests.lab.walk import Walk

SECONDS = float(os.environ.get("OUTAGE_SECONDS", "30"))
GROWTH_KIB = 16 * 1024
ETCD = "http://127.0.0.1:2379/v3/kv"


def answers(walk: Walk) -> bool:
    """Whether the API server is there."""
    return walk.lab.attempt("kubectl", "get", "--raw", "/readyz").returncode == 0


def hold_back(walk: Walk, seconds: float) -> None:
    """Have no API server for so long."""
    walk.lab.run("daemon", "stop", "kube-apiserver")
    time.sleep(seconds)
    walk.lab.run("daemon", "start", "kube-apiserver")
    wait(lambda: answers(walk), 60)


def compact(walk: Walk) -> None:
    """Have etcd forget every revision but the last."""
    header = json.loads(walk.lab.run("curl", "--silent", f"{ETCD}/range", "-d", '{"key": "AA=="}'))["header"]
    body = json.dumps({"revision": header["revision"], "physical": True})
    walk.lab.run("curl", "--silent", "--fail", f"{ETCD}/compaction", "-d", body)


def pair(walk: Walk) -> dict[str, Replica]:
    """Both replicas by pod, as soon as they are ready."""
    found: dict[str, Replica] = {}

    def both() -> bool:
        found.clear()
        found.update({one.pod: one for one in replicas(walk.lab)})
        return len(found) == 2

    wait(both, 180)
    return found


def watches(walk: Walk) -> Counter[str]:
    """How many watch a kind of objects of the whole cluster at the API server, by the kind."""
    found: Counter[str] = Counter()
    for labels, number in samples(walk.lab, "apiserver_longrunning_requests"):
        if (labels["verb"], labels["scope"]) == ("WATCH", "cluster"):
            found[f"{labels['resource']}.{labels['group']}"] += number
    return found


@pytest.mark.long
@pytest.mark.timeout(900)
def test_after_an_outage_everything_goes_on_and_nothing_is_written_for_nothing(walk: Walk) -> None:
    walk.apply(strict(1))
    wait(lambda: walk.enforced() == "True")
    wait(lambda: walk.status("-X", "POST") == "429", 15)
    time.sleep(35)  # limits that former tests left behind go after half a minute, which is a write
    before = pair(walk)
    written = {one.pid: writes(walk.lab, one) for one in before.values()}
    memory = max(resident_kib(walk.lab, one) for one in before.values())
    followed = watches(walk)

    with traffic(walk, "GET", "POST") as seen:
        hold_back(walk, SECONDS)
        for _ in range(5):
            hold_back(walk, 1)
        compact(walk)
        after = pair(walk)
        # Whoever leads has looked at everything again by the time that an edit holds.
        walk.lab.run("kubectl", "label", "ratelimitpolicy", "toystore", "outage=over")
        time.sleep(20)
        # A leader that could not renew its Lease ends and begins anew, with nothing to write.
        rewritten = {one.pod: writes(walk.lab, one) - written.get(one.pid, 0) for one in after.values()}
    used = max(resident_kib(walk.lab, one) for one in after.values())
    get, post = (seen.statuses(method) for method in ("GET", "POST"))
    sys.stdout.write(
        f"writes: {rewritten}; memory {memory // 1024} MiB before, {used // 1024} MiB after; GET {get}, POST "
        f"{post}\n"
    )

    assert set(rewritten.values()) == {0}
    assert used <= memory + GROWTH_KIB
    assert (set(get), set(post)) == ({"200"}, {"429"})
    began = time.monotonic()
    walk.apply(strict(1_000_000))
    wait(lambda: walk.status("-X", "POST") == "200", 30)
    sys.stdout.write(f"an edit after it held in {time.monotonic() - began:.1f} s\n")

    # Those who use Kubernetes' own library wait for up to a minute before they watch again, and once more
    # before they list what was compacted. Until then no Pod is made of a Deployment, for example, which is
    # not to be the next test's matter.
    began = time.monotonic()
    wait(lambda: not followed - watches(walk), 180)
    sys.stdout.write(f"everybody followed again {time.monotonic() - began:.1f} s later\n")
