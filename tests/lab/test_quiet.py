"""When nothing changes, nothing is written: counted at the API server.

QUIET_SECONDS is for how long; 600 is what the product promises.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.lab.api_server import samples
from tests.lab.walk import ENVOY_GATEWAY, ISTIO, POLICY, wait

if TYPE_CHECKING:
    from tests.lab.walk import Walk

SECONDS = float(os.environ.get("QUIET_SECONDS", "30"))
WRITES = {"APPLY", "PATCH", "PUT", "UPDATE", "POST", "DELETE"}
OURS = {
    "envoyextensionpolicies",
    "envoyfilters",
    "envoypatchpolicies",
    "events",
    "gateways",
    "grpcroutes",
    "httproutes",
    "kuadrants",
    "limitadors",
    "ratelimitpolicies",
    "wasmplugins",
}


def writes(walk: Walk) -> Counter[str]:
    """The writes that the API server has had, by verb and resource, of the kinds that the operator writes."""
    found: Counter[str] = Counter()
    for labels, number in samples(walk.lab, "apiserver_request_total"):
        if labels["verb"] in WRITES and labels["resource"] in OURS:
            name = f"{labels['verb']} {labels['resource']} {labels.get('subresource', '')}".strip()
            found[name] += number
    return found


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("walk", [(ISTIO,), (ENVOY_GATEWAY,)], ids=["istio", "envoy-gateway"], indirect=True)
def test_at_rest_nothing_is_written(walk: Walk) -> None:
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True")
    before = [writes(walk)]

    def is_settled() -> bool:
        """Whether nothing was written for five seconds: all that is told of the policy is told."""
        time.sleep(5)
        before.append(writes(walk))
        return before[-1] == before[-2]

    wait(is_settled)
    assert sum(before[-1].values()) > 0  # writes are seen at all
    # Limits that are no longer wanted go after half a minute, those of a former test among them.
    time.sleep(30)
    rest = writes(walk)
    time.sleep(SECONDS)

    assert writes(walk) - rest == Counter()
