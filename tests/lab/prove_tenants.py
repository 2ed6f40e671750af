"""What one tenant does with all that he may have is no matter of another's on the same gateway."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from tests.lab.walk import IN_EVERY_WAY
from tests.two_tenants import shown, wrong

if TYPE_CHECKING:
    from tests.lab.walk import Walk

SECONDS = os.environ.get("TENANT_SECONDS", "20")


@IN_EVERY_WAY
def test_a_tenant_keeps_his_limits_and_edits_beside_a_hostile_one(walk: Walk) -> None:
    """How long answers and edits take beside him is printed.

    It depends on the machine, on which the load is made, too.
    """
    words = (walk.url, walk.provided.namespace, walk.provided.gateway, SECONDS)
    output = walk.lab.run(sys.executable, "-m", "tests.lab.tenancy", *words, seconds=float(SECONDS) * 3 + 300)
    result = json.loads(output)
    sys.stdout.write(f"{walk.provided.gateway}, {walk.delivery}:\n{shown(result)}\n")

    assert wrong(result) == []
