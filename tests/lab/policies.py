"""A policy in the lab: applied, and in effect from there on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.lab.walk import wait

if TYPE_CHECKING:
    from tests.lab.walk import Walk


def limited_by(walk: Walk, text: str, name: str = "toystore") -> None:
    """Apply a policy; where this returns it is enforced as it is."""
    walk.apply(text)
    wait(lambda: is_enforced(walk, name))


def is_enforced(walk: Walk, name: str = "toystore") -> bool:
    """Whether the policy is enforced in its latest form."""
    policy = json.loads(walk.lab.run("kubectl", "get", "ratelimitpolicy", name, "-o", "json"))
    return any(
        one["type"] == "Enforced"
        and one["status"] == "True"
        and one["observedGeneration"] == policy["metadata"]["generation"]
        for one in policy.get("status", {}).get("conditions", ())
    )
