"""How it is known that a policy is enforced."""

from __future__ import annotations

import pytest

from kuadrant.api import documents
from kuadrant.compiler import compile_gateways
from kuadrant.status import ACKNOWLEDGED, Evidence, policy_status, with_acknowledgement
from tests.unit.status.texts import GATEWAYS, policy_text, route_text

TEXT = GATEWAYS + route_text("r", "a", "b") + policy_text("v1", "p", "HTTPRoute", "r")
(FACTS,) = compile_gateways(documents.read([("in.yaml", TEXT)]).objects).policies
ENFORCED = policy_status(FACTS, Evidence(acknowledged=frozenset(FACTS.gateways)))


@pytest.mark.parametrize(
    ("silent", "status", "reason", "message"),
    [
        (
            set(),
            "True",
            "Acknowledged",
            "every pod that gets requests has told that it runs what the policy asks for",
        ),
        ({"ns/b"}, "Unknown", "NotTold", "the pods of [ns/b] pull, and do not tell what they run"),
        (
            {"ns/a", "ns/b", "ns/c"},
            "Unknown",
            "NotTold",
            "the pods of [ns/a ns/b] pull, and do not tell what they run",
        ),
    ],
)
def test_a_policy_that_is_enforced_tells_who_says_so(
    silent: set[str], status: str, reason: str, message: str
) -> None:
    condition = with_acknowledgement(ENFORCED, FACTS, silent).conditions[-1]

    assert (condition.type, condition.status, condition.reason, condition.message) == (
        ACKNOWLEDGED,
        status,
        reason,
        message,
    )


def test_of_one_that_is_not_enforced_nothing_is_told() -> None:
    waiting = policy_status(FACTS, Evidence())

    assert with_acknowledgement(waiting, FACTS, {"ns/a"}) is waiting
