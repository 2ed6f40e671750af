"""Once an edit of windows, counters or rates is said to be enforced, no former limit holds (issue I, 6).

Before, no request is unlimited.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from tests.lab.walk import IN_EVERY_WAY, wait

if TYPE_CHECKING:
    from tests.lab.walk import Walk

EDITS = os.environ.get("WHOLE_EDITS", "8")
POLICY = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits:
    get:
      rates: [{limit: 0, window: 1h}]
      when: [{predicate: "request.method == 'GET'"}]
    post:
      rates: [{limit: 0, window: 1h}]
      when: [{predicate: "request.method == 'POST'"}]
"""


@IN_EVERY_WAY
def test_an_edit_takes_effect_whole(walk: Walk) -> None:
    """WHOLE_EDITS of them; two hundred before a release."""
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True", 30)
    wait(lambda: walk.status() == "429" and walk.status("-X", "POST") == "429", 15)

    words = (walk.url, EDITS)
    output = walk.lab.run(sys.executable, "-m", "tests.lab.whole_edits", *words, seconds=60 + 20 * int(EDITS))
    sys.stdout.write(f"{walk.provided.gateway}, {walk.delivery}: {output}\n")
    result = json.loads(output)

    assert set(result["always limited"]) == {"429"}
    assert result["wrong"] == {}
