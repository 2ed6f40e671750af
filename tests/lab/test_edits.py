"""An edit of a policy's limit holds within half a second.

On the way no request is unlimited and none fails.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.lab.conftest import ROOT
from tests.lab.walk import wait

if TYPE_CHECKING:
    from tests.lab.walk import Walk

EDITS = int(os.environ.get("EDITS", "200"))
POLICY = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits:
    post:
      rates: [{limit: 1, window: 1h}]
      when: [{predicate: "request.method == 'POST'"}]
    get:
      rates: [{limit: 1, window: 1h}]
      when: [{predicate: "request.method == 'GET'"}]
"""


@pytest.mark.long
def test_an_edit_holds_within_half_a_second_and_nothing_is_unlimited(walk: Walk) -> None:
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True")
    wait(lambda: walk.status() == "429" and walk.status("-X", "POST") == "429", 15)

    script = str(ROOT / "tests/lab/edits.py")
    output = walk.lab.run(sys.executable, script, walk.url, str(EDITS), seconds=600)
    sys.stdout.write(f"{output}\n")
    result = json.loads(output)

    assert set(result["get"]) == {"429"}
    assert result["wrong"] == {}
    assert result["p99"] <= 0.5
