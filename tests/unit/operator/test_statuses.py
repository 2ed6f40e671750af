"""What is said of policies and of the Kuadrant, given what was decided and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from kuadrant.operator.decision import Decider
from kuadrant.operator.statuses import STAYS, PolicyStatuses, Progress, kuadrant_status, status_content
from kuadrant.operator.taking import TAKES
from kuadrant.status import ACKNOWLEDGED, Content, Delivery, PodState
from tests.unit.operator.test_decision import GATEWAY, WANTED, known, limitador, world

if TYPE_CHECKING:
    from kuadrant.operator.world import World

POLICY = ("default", "toystore")
NAME = "istio-system/istio-ingressgateway"
OTHER_VALUES = tuple(msgspec.structs.replace(limit, max_value=limit.max_value + 1) for limit in WANTED)


def enforced(seen: World, progress: Progress, problem: str = "") -> tuple[str, str, str]:
    """Status, reason and message of the policy's Enforced."""
    decision = Decider().decide(seen, known(module_problem=problem))
    status = PolicyStatuses().of(seen, decision, {GATEWAY: progress}, 0.0)[POLICY]
    _, condition, *_ = status.conditions
    return condition.status, condition.reason, condition.message


@pytest.mark.row(114)
def test_with_everything_in_place_it_is_enforced() -> None:
    assert enforced(world(limitador(WANTED)), Progress()) == (
        "True",
        "Enforced",
        "RateLimitPolicy has been successfully enforced",
    )


@pytest.mark.parametrize(
    ("seen", "progress", "problem", "missing"),
    [
        pytest.param(world(), Progress(), "", "[Limitador]", id="limits"),
        pytest.param(
            world(limitador(OTHER_VALUES)), Progress(), "", "[Limitador]", id="limits with these values"
        ),
        pytest.param(world(limitador(WANTED)), Progress(), "503", "[wasm-shim]", id="module"),
        pytest.param(
            world(limitador(WANTED)),
            Progress(missing=("WasmPlugin",)),
            "",
            f"[WasmPlugin ({NAME})]",
            id="an object",
        ),
        pytest.param(
            world(limitador(WANTED)),
            Progress(accepted=False),
            "",
            f"[Gateway ({NAME})]",
            id="the provider's word",
        ),
        pytest.param(
            world(),
            Progress(missing=("EnvoyFilter", "WasmPlugin")),
            "503",
            f"[Limitador wasm-shim EnvoyFilter ({NAME}) WasmPlugin ({NAME})]",
            id="all of it",
        ),
    ],
)
def test_what_is_missing_is_named(seen: World, progress: Progress, problem: str, missing: str) -> None:
    status, reason, message = enforced(seen, progress, problem)

    assert (status, reason) == ("False", "Unknown")
    assert message == f"RateLimitPolicy waiting for the following components to sync: {missing}"


def test_what_the_api_server_refuses_is_in_the_status() -> None:
    status, _, message = enforced(world(limitador(WANTED)), Progress(refused="WasmPlugin a/b: no"))

    assert status == "False"
    assert "WasmPlugin a/b: no" in message


def test_without_a_kuadrant_nothing_is_enforced() -> None:
    assert enforced(world(kuadrants=()), Progress())[:2] == ("False", "MissingResource")


def test_a_policy_that_cannot_be_read_any_more_says_so_although_it_stays_in_effect() -> None:
    seen = msgspec.structs.replace(
        world(limitador(WANTED)),
        policies=dict.fromkeys([POLICY]),
        unreadable={POLICY: "spec.limits must be an object"},
    )
    status = PolicyStatuses().of(seen, Decider().decide(seen, known()), {}, 0.0)[POLICY]

    (accepted,) = status.conditions
    assert (accepted.status, accepted.reason) == ("False", "Invalid")
    assert accepted.message == (
        "RateLimitPolicy cannot be read: spec.limits must be an object; what it was before stays in effect"
    )


def test_only_what_is_waited_for_is_waiting() -> None:
    seen = world(limitador(WANTED))
    decision = Decider().decide(seen, known())

    def waiting(progress: Progress) -> bool:
        return PolicyStatuses().of(seen, decision, {GATEWAY: progress}, 0.0)[POLICY].waiting

    assert waiting(Progress(missing=("WasmPlugin",)))
    assert not waiting(Progress(refused="no"))
    assert not waiting(Progress())


def test_a_status_that_does_not_change_is_the_same_instance() -> None:
    seen = world(limitador(WANTED))
    statuses, decider = PolicyStatuses(), Decider()
    first = statuses.of(seen, decider.decide(seen, known()), {GATEWAY: Progress()}, 0.0)
    again = statuses.of(seen, decider.decide(seen, known()), {GATEWAY: Progress()}, 0.0)

    assert again[POLICY] is first[POLICY]


def test_a_status_that_is_written_already_is_written_the_same_again() -> None:
    seen = world(limitador(WANTED))
    status = PolicyStatuses().of(seen, Decider().decide(seen, known()), {GATEWAY: Progress()}, 0.0)[POLICY]
    first = status_content({}, status, generation=3, now="2026-01-01T00:00:00Z")
    again = status_content(first["status"], status, generation=3, now="2026-01-02T00:00:00Z")

    assert again == first
    assert first["status"]["observedGeneration"] == 3


@pytest.mark.row(115)
@pytest.mark.row(125)
@pytest.mark.parametrize(
    ("seen", "failure", "reason"),
    [
        pytest.param(world(limitador(WANTED)), "", "Ready", id="all well"),
        pytest.param(world(), "", "LimitadorNotReady", id="no limits held"),
        pytest.param(
            msgspec.structs.replace(world(limitador(WANTED)), served=frozenset({"WasmPlugin"})),
            "",
            "MissingDependency",
            id="no provider",
        ),
        pytest.param(world(limitador(WANTED)), "WasmPlugin a/b: no", "ReconciliationError", id="a failure"),
    ],
)
def test_the_kuadrant_says_whether_policies_can_be_enforced(seen: World, failure: str, reason: str) -> None:
    condition = kuadrant_status(seen, Decider().decide(seen, known()), failure)

    assert condition.reason == reason
    assert (condition.status == "True") == (reason == "Ready")


def test_a_module_that_does_not_take_over_is_told_by_the_kuadrant_and_changes_no_policy() -> None:
    seen = world(limitador(WANTED))
    problem = "shim A stays, shim B is not served: it answers 404"
    decision = Decider().decide(seen, known(module_pending=problem))

    condition = kuadrant_status(seen, decision, "")
    status = PolicyStatuses().of(seen, decision, {GATEWAY: Progress()}, 0.0)[POLICY]

    assert (condition.status, condition.message) == ("False", problem)
    assert [one.status for one in status.conditions] == ["True", "True", "Unknown"]


def test_what_a_gateway_gets_for_others_says_nothing_of_a_policy_for_a_while() -> None:
    seen = world(limitador(WANTED))
    statuses, decider = PolicyStatuses(), Decider()
    decision = decider.decide(seen, known())
    behind = {GATEWAY: Progress(missing=("WasmPlugin",))}
    before = statuses.of(seen, decision, {GATEWAY: Progress()}, 0.0)
    assert statuses.due is None
    assert statuses.of(seen, decision, behind, 10.0)[POLICY] is before[POLICY]
    assert statuses.due == 10.0 + STAYS

    assert statuses.of(seen, decision, behind, 10.0 + STAYS)[POLICY].waiting
    assert statuses.due is None
    assert not statuses.of(seen, decision, {GATEWAY: Progress()}, 20.0)[POLICY].waiting


def test_a_policy_that_changed_is_not_enforced_before_its_gateway_has_it() -> None:
    statuses, decider = PolicyStatuses(), Decider()
    seen = world(limitador(WANTED))
    statuses.of(seen, decider.decide(seen, known()), {GATEWAY: Progress()}, 0.0)
    changed = Decider().decide(world(limitador(WANTED)), known())

    status = statuses.of(seen, changed, {GATEWAY: Progress(missing=("WasmPlugin",))}, 1.0)[POLICY]
    assert status.waiting


def test_a_gateway_that_says_nothing_is_given_time_to_take_what_a_policy_asks_for() -> None:
    statuses, decision = PolicyStatuses(), Decider().decide(world(limitador(WANTED)), known())

    def at(now: float, progress: Progress) -> str:
        return (
            statuses.of(world(limitador(WANTED)), decision, {GATEWAY: progress}, now)[POLICY]
            .conditions[1]
            .message
        )

    waiting = "RateLimitPolicy waiting for the following components to sync:"
    assert at(0.0, Progress(missing=("WasmPlugin",))) == f"{waiting} [WasmPlugin ({NAME})]"
    assert at(10.0, Progress()) == f"{waiting} [Gateway ({NAME})]"
    assert statuses.due == 10.0 + TAKES
    # What it gets for others meanwhile is no reason to begin anew.
    at(10.0 + TAKES / 3, Progress(missing=("WasmPlugin",)))
    assert at(10.0 + TAKES / 2, Progress()) == f"{waiting} [Gateway ({NAME})]"
    assert at(10.0 + TAKES, Progress()) == "RateLimitPolicy has been successfully enforced"
    assert statuses.due is None


def test_a_gateway_that_changes_to_push_is_heard_of() -> None:
    seen = world(limitador(WANTED))
    statuses, decision = PolicyStatuses(), Decider().decide(seen, known())
    content = {"": Content("00", "11")}
    pod = PodState(pod="ns/pod", ready=True, deliveries=(Delivery(filter="", running=content[""]),))

    def acknowledged(progress: Progress) -> str:
        *_, condition = statuses.of(seen, decision, {GATEWAY: progress}, 0.0)[POLICY].conditions
        assert condition.type == ACKNOWLEDGED
        return condition.status

    assert acknowledged(Progress()) == "Unknown"
    assert acknowledged(Progress(wanted=content, pods=(pod,))) == "True"


PROVIDER = "Gateway API provider (istio / envoy gateway)"


@pytest.mark.parametrize(
    ("served", "message"),
    [
        pytest.param((), f"[Gateway API, {PROVIDER}] is not installed", marks=pytest.mark.row(124)),
        pytest.param(("Gateway",), f"[{PROVIDER}] is not installed", marks=pytest.mark.row(125)),
    ],
)
def test_without_what_it_stands_on_no_policy_is_accepted(served: tuple[str, ...], message: str) -> None:
    seen = msgspec.structs.replace(world(limitador(WANTED)), served=frozenset(served))
    decision = Decider().decide(seen, known())

    (condition,) = PolicyStatuses().of(seen, decision, {GATEWAY: Progress()}, 0.0)[POLICY].conditions

    assert (condition.type, condition.status) == ("Accepted", "False")
    assert (condition.reason, condition.message) == ("MissingDependency", message)
    assert kuadrant_status(seen, decision, "").message == message
