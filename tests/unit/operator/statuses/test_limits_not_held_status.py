"""What is said of policies whose limits the rate limit service says it does not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kuadrant.operator.core.decider import Decider
from kuadrant.operator.core.times import TAKE_SECONDS
from kuadrant.operator.statuses.policy_statuses import PolicyStatuses
from kuadrant.status import ACKNOWLEDGED
from tests.unit.operator.example import WANTED, limitador, world
from tests.unit.operator.known import known
from tests.unit.operator.outcomes import of, outcome

if TYPE_CHECKING:
    from kuadrant.status import PolicyStatus

POLICY = ("default", "toystore")
LIMIT = {"namespace": "default/toystore", "key": "limit.create_toy__fb82c51a"}
ENFORCED = "RateLimitPolicy has been successfully enforced"


class Cluster:
    """The example, whose gateway has long had what it is to have."""

    def __init__(self, **values: Any) -> None:
        self._statuses = PolicyStatuses()
        self._decider = Decider()
        self._known = known(**values)
        self.says(at=-TAKE_SECONDS)

    def says(self, *, at: float = 0.0, **said: Any) -> PolicyStatus:
        """The policy's status when the rate limit service has said this."""
        return self.told({}, at=at, **said)

    def told(self, missed: dict[str, str], *, at: float = 0.0, **said: Any) -> PolicyStatus:
        """The policy's status when clients of policies miss this."""
        seen = world(limitador(WANTED, **said))
        decision = replace(self._decider.decide(seen, self._known), not_told=missed)
        return self._statuses.of(seen, decision, of(decision, outcome()), at)[POLICY]


def enforced(status: PolicyStatus) -> tuple[str, str, str]:
    (condition,) = [one for one in status.conditions if one.type == "Enforced"]
    return condition.status, condition.reason, condition.message


@pytest.mark.parametrize(
    ("mode", "consequence"),
    [("deny", "are answered with 500"), ("allow", "are let through without being counted")],
)
def test_a_limit_that_is_asked_for_in_vain_is_said_with_what_it_means_for_requests(
    mode: str, consequence: str
) -> None:
    cluster = Cluster(failure_mode=mode)
    assert enforced(cluster.says()) == ("True", "Enforced", ENFORCED)

    status = cluster.says(leftOut=[], askedInVain=[LIMIT])

    assert enforced(status) == (
        "False",
        "LimitsNotHeld",
        (
            "RateLimitPolicy has encountered some issues: the rate limit service does not hold "
            "limit.create_toy__fb82c51a of default/toystore (it was asked for lately): requests that ask for "
            f"it {consequence} (failure mode {mode})"
        ),
    )
    assert not any(one.type == ACKNOWLEDGED for one in status.conditions)
    assert enforced(cluster.says(leftOut=[], askedInVain=[])) == ("True", "Enforced", ENFORCED)


def test_why_a_limit_was_left_out_is_said() -> None:
    status = Cluster().says(leftOut=[{**LIMIT, "reason": "condition 1: no"}], askedInVain=[LIMIT])
    assert "fb82c51a of default/toystore (condition 1: no): requests" in enforced(status)[2]


@pytest.mark.parametrize(
    "other",
    [{**LIMIT, "namespace": "other/toystore"}, {**LIMIT, "key": "limit.create_toy__00000000"}, {"key": ""}],
)
def test_what_this_policy_does_not_ask_for_is_not_its_concern(other: dict[str, str]) -> None:
    assert enforced(Cluster().says(leftOut=[other], askedInVain=[other]))[0] == "True"


def test_a_policy_that_waits_for_its_limits_says_why_they_do_not_come() -> None:
    seen = world(limitador(WANTED, generation=2, observed=0, leftOut=[{**LIMIT, "reason": "no"}]))
    decision = Decider().decide(seen, known())
    status = PolicyStatuses().of(seen, decision, of(decision, outcome(missing=("WasmPlugin",))), 0.0)[POLICY]
    assert enforced(status)[1] == "LimitsNotHeld"
    assert not status.waiting


FALSE = {"type": "kuadrant.io/LimitsKnown", "status": "False"}


@pytest.mark.parametrize(
    ("said", "is_doubted"),
    [
        pytest.param({"conditions": [{"type": "Ready", "status": "True"}, FALSE]}, True, id="not which"),
        pytest.param({"conditions": [{"type": "Ready", "status": "True"}]}, False, id="nothing"),
        pytest.param(
            {"conditions": [{"type": "Ready", "status": "True"}, FALSE], "leftOut": [], "askedInVain": []},
            False,
            id="others",
        ),
    ],
)
def test_where_the_resource_has_no_field_for_them_no_more_is_said_than_is_known(
    said: dict[str, Any], is_doubted: bool
) -> None:
    status, reason, message = enforced(Cluster().says(**said))
    assert (status, reason, message.startswith(ENFORCED)) == ("True", "Enforced", True)
    assert message.endswith("whether those of this policy are among them: see its conditions") is is_doubted


def test_the_same_word_is_no_reason_to_write() -> None:
    cluster = Cluster()
    assert cluster.says(askedInVain=[LIMIT]) is cluster.says(askedInVain=[LIMIT])
    assert cluster.says() is cluster.says()


def test_what_clients_miss_has_a_reason_of_its_own() -> None:
    cluster = Cluster()
    missed = {"default/toystore": "no such headers"}
    assert enforced(cluster.told(missed)) == (
        "False",
        "ResponseUnsupported",
        "RateLimitPolicy has encountered some issues: no such headers",
    )
    assert enforced(cluster.told(missed, askedInVain=[LIMIT], leftOut=[]))[1] == "LimitsNotHeld"
    assert enforced(cluster.told({}))[0] == "True"
