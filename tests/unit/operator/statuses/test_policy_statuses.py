"""What is said of policies and of the Kuadrant, given what was decided and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kuadrant.api import documents
from kuadrant.operator.core.decider import Decider
from kuadrant.operator.core.times import BEHIND_SECONDS, TAKE_SECONDS
from kuadrant.operator.core.world import Standing
from kuadrant.operator.statuses.kuadrant_status import kuadrant_status
from kuadrant.operator.statuses.policy_statuses import PolicyStatuses, status_content
from kuadrant.status import ACKNOWLEDGED, WARNINGS, Content, FilterState, PodState
from tests.unit.operator.example import GATEWAY, WANTED, limitador, world
from tests.unit.operator.known import known, module
from tests.unit.operator.outcomes import of, outcome

if TYPE_CHECKING:
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.world import World
    from kuadrant.status import GatewayState, PolicyStatus

POLICY = ("default", "toystore")
NAME = "istio-system/istio-ingressgateway"
OTHER_VALUES = tuple(msgspec.structs.replace(limit, max_value=limit.max_value + 1) for limit in WANTED)


def settled(
    seen: World, decision: Decision, progress: GatewayState, statuses: PolicyStatuses | None = None
) -> PolicyStatus:
    """The policy's status once the gateway had the time to take what it was first seen to have."""
    statuses = statuses or PolicyStatuses()
    statuses.of(seen, decision, of(decision, progress), -TAKE_SECONDS)
    return statuses.of(seen, decision, of(decision, progress), 0.0)[POLICY]


def enforced(seen: World, progress: GatewayState, problem: str = "") -> tuple[str, str, str]:
    """Status, reason and message of the policy's Enforced."""
    decision = Decider().decide(seen, known(module=module(problem=problem)))
    status = settled(seen, decision, progress)
    _, condition, *_ = status.conditions
    return condition.status, condition.reason, condition.message


@pytest.mark.row(114)
def test_with_everything_in_place_it_is_enforced() -> None:
    assert enforced(world(limitador(WANTED)), outcome()) == (
        "True",
        "Enforced",
        "RateLimitPolicy has been successfully enforced",
    )


@pytest.mark.parametrize(
    ("seen", "progress", "problem", "missing"),
    [
        pytest.param(world(), outcome(), "", "[Limitador]", id="limits"),
        pytest.param(
            world(limitador(OTHER_VALUES)), outcome(), "", "[Limitador]", id="limits with these values"
        ),
        pytest.param(world(limitador(WANTED)), outcome(), "503", "[wasm-shim]", id="module"),
        pytest.param(
            world(limitador(WANTED)),
            outcome(missing=("WasmPlugin",)),
            "",
            f"[WasmPlugin ({NAME})]",
            id="an object",
        ),
        pytest.param(
            world(limitador(WANTED)),
            outcome(accepted=False),
            "",
            f"[Gateway ({NAME})]",
            id="the provider's word",
        ),
        pytest.param(
            world(),
            outcome(missing=("EnvoyFilter", "WasmPlugin")),
            "503",
            f"[Limitador wasm-shim EnvoyFilter ({NAME}) WasmPlugin ({NAME})]",
            id="all of it",
        ),
    ],
)
def test_what_is_missing_is_named(seen: World, progress: GatewayState, problem: str, missing: str) -> None:
    status, reason, message = enforced(seen, progress, problem)

    assert (status, reason) == ("False", "Unknown")
    assert message == f"RateLimitPolicy waiting for the following components to sync: {missing}"


def test_what_the_api_server_refuses_is_in_the_status() -> None:
    status, _, message = enforced(world(limitador(WANTED)), outcome(refused="WasmPlugin a/b: no"))

    assert status == "False"
    assert "WasmPlugin a/b: no" in message


def test_without_a_kuadrant_nothing_is_enforced() -> None:
    assert enforced(world(kuadrants=()), outcome())[:2] == ("False", "MissingResource")


@pytest.mark.parametrize(
    ("generation", "progress", "consequence"),
    [
        pytest.param(3, outcome(), "requests are limited as generation 3 of this policy says", id="enforced"),
        pytest.param(
            3,
            outcome(missing=("WasmPlugin",)),
            "what generation 3 of this policy says stays, and is not enforced now",
            id="not enforced",
        ),
        pytest.param(None, outcome(), "this policy limits nothing", id="nothing"),
    ],
)
def test_a_policy_that_is_not_accepted_says_what_that_means_for_requests(
    generation: int | None, progress: GatewayState, consequence: str
) -> None:
    seen = msgspec.structs.replace(
        world(limitador(WANTED)), standings={POLICY: Standing("it has a mistake", generation, "{}")}
    )
    status = settled(seen, Decider().decide(seen, known()), progress)

    (accepted,) = status.conditions
    assert (accepted.status, accepted.reason) == ("False", "Invalid")
    assert accepted.message == f"RateLimitPolicy cannot be carried out: it has a mistake; {consequence}"


def test_the_status_carries_the_form_in_effect_where_the_definition_has_a_field_for_it() -> None:
    seen = msgspec.structs.replace(
        world(limitador(WANTED)), standings={POLICY: Standing(generation=3, spec='{"a":1}')}
    )
    status = PolicyStatuses().of(seen, Decider().decide(seen, known()), {GATEWAY: outcome()}, 0.0)[POLICY]

    def content(existing: dict[str, Any], *, remembers: bool) -> Any:
        made = status_content(existing, status, generation=4, now="", remembers=remembers)
        return made["status"].get("lastAccepted")

    assert content({}, remembers=True) == {"generation": 3, "spec": '{"a":1}'}
    assert content({}, remembers=False) is None
    # Before it is known what the definition has, what there is stays.
    assert content({"lastAccepted": {"generation": 2, "spec": "{}"}}, remembers=False) == {
        "generation": 3,
        "spec": '{"a":1}',
    }


def test_only_what_is_waited_for_is_waiting() -> None:
    seen = world(limitador(WANTED))
    decision = Decider().decide(seen, known())

    def waiting(progress: GatewayState) -> bool:
        return settled(seen, decision, progress).waiting

    assert waiting(outcome(missing=("WasmPlugin",)))
    assert not waiting(outcome(refused="no"))
    assert not waiting(outcome())


def test_a_status_that_does_not_change_is_the_same_instance() -> None:
    seen = world(limitador(WANTED))
    statuses, decider = PolicyStatuses(), Decider()
    first = statuses.of(seen, decider.decide(seen, known()), {GATEWAY: outcome()}, 0.0)
    again = statuses.of(seen, decider.decide(seen, known()), {GATEWAY: outcome()}, 0.0)

    assert again[POLICY] is first[POLICY]


def written(version: str, limits: str) -> World:
    """The example with another policy in the place of its own."""
    text = f"""
        {{apiVersion: kuadrant.io/{version}, kind: RateLimitPolicy,
          metadata: {{name: toystore, namespace: default}},
          spec: {{targetRef: {{group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}},
                  limits: {limits}}}}}
    """
    (policy,) = documents.read([("a.yaml", text)]).objects.rate_limit_policies
    return world(limitador(WANTED), rate_limit_policies=(policy,))


def warnings(seen: World, statuses: PolicyStatuses, decider: Decider) -> str:
    """The words of the policy's warnings; empty without any."""
    status = statuses.of(seen, decider.decide(seen, known()), {GATEWAY: outcome()}, 0.0)[POLICY]
    return next((one.message for one in status.conditions if one.type == WARNINGS), "")


@pytest.mark.parametrize(
    ("version", "limits", "says"),
    [
        ("v1", "{a: {rates: [{limit: 5, window: 10s}]}}", ""),
        (
            "v1",
            "{a: {rates: [{limit: 0, window: 10s}], counters: [{expression: source.address}]}}",
            (
                "spec.limits.a.rates[0].limit (limit-below-one): is 0: no request that the limit is for is "
                "let through; spec.limits.a.counters[0].expression (counter-per-connection): source.address "
                "has the client's port in it, which is another one for each connection: a client with "
                "another connection is counted anew"
            ),
        ),
        (
            "v1beta2",
            "{a: {counters: [source.port]}}",
            (
                "spec.limits.a.rates (no-rates): are none, so the limit limits nothing; "
                "spec.limits.a.counters[0] (counter-per-connection): source.port is another one for each "
                "connection: a client with another connection is counted anew"
            ),
        ),
        ("v1", "{a: {rates: [{limit: 5, window: 10s}], counters: [{expression: nowhere}]}}", ""),
    ],
    ids=["sound", "v1", "v1beta2", "not accepted"],
)
def test_what_is_hardly_meant_in_a_policy_is_said_as_kuadrant_check_does(
    version: str, limits: str, says: str
) -> None:
    assert warnings(written(version, limits), PolicyStatuses(), Decider()) == says


def test_what_is_hardly_meant_goes_when_it_is_corrected_also_where_nothing_else_changes() -> None:
    """A window of 1500ms and one of 2s are the same to everybody else."""
    statuses, decider = PolicyStatuses(), Decider()
    broken, whole = (
        written("v1", f"{{a: {{rates: [{{limit: 5, window: {window}}}]}}}}") for window in ("1500ms", "2s")
    )
    for seen, says in ((broken, "is 1500ms, counted as 2s"), (whole, ""), (broken, "counted as 2s")):
        assert warnings(seen, statuses, decider).endswith(says)
        assert bool(warnings(seen, statuses, decider)) == bool(says)


def test_a_status_that_is_written_already_is_written_the_same_again() -> None:
    seen = world(limitador(WANTED))
    status = PolicyStatuses().of(seen, Decider().decide(seen, known()), {GATEWAY: outcome()}, 0.0)[POLICY]
    first = status_content({}, status, generation=3, now="2026-01-01T00:00:00Z", remembers=True)
    again = status_content(first["status"], status, generation=3, now="2026-01-02T00:00:00Z", remembers=False)

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


def test_why_the_service_does_not_take_its_limits_is_said_by_the_kuadrant_in_its_words() -> None:
    why = "spec.storage: the Secret kuadrant-system/other: cannot be read: the API server answers 403"
    said = {"type": "Ready", "status": "False", "observedGeneration": 2, "message": why}
    of_this = world(limitador(WANTED, generation=2, conditions=[said]))
    of_another = world(limitador(WANTED, generation=3, conditions=[said]))

    assert kuadrant_status(of_this, Decider().decide(of_this, known()), "").message.endswith(f" yet: {why}")
    assert kuadrant_status(of_another, Decider().decide(of_another, known()), "").message.endswith(" yet")


def test_a_module_that_does_not_take_over_is_told_by_the_kuadrant_and_changes_no_policy() -> None:
    seen = world(limitador(WANTED))
    problem = "shim A stays, shim B is not served: it answers 404"
    decision = Decider().decide(seen, known(module=module(pending=problem)))

    condition = kuadrant_status(seen, decision, "")
    status = settled(seen, decision, outcome())

    assert (condition.status, condition.message) == ("False", problem)
    assert [one.status for one in status.conditions] == ["True", "True", "Unknown"]


def test_what_a_gateway_gets_for_others_says_nothing_of_a_policy_for_a_while() -> None:
    seen = world(limitador(WANTED))
    statuses, decider = PolicyStatuses(), Decider()
    decision = decider.decide(seen, known())
    behind = {GATEWAY: outcome(missing=("WasmPlugin",))}
    before = settled(seen, decision, outcome(), statuses)
    assert statuses.due is None
    assert statuses.of(seen, decision, behind, 10.0)[POLICY] is before
    assert statuses.due == 10.0 + BEHIND_SECONDS

    assert statuses.of(seen, decision, behind, 10.0 + BEHIND_SECONDS)[POLICY].waiting
    assert statuses.due is None
    assert not statuses.of(seen, decision, {GATEWAY: outcome()}, 20.0)[POLICY].waiting


def test_a_policy_that_changed_is_not_enforced_before_its_gateway_has_it() -> None:
    statuses, decider = PolicyStatuses(), Decider()
    seen = world(limitador(WANTED))
    statuses.of(seen, decider.decide(seen, known()), {GATEWAY: outcome()}, 0.0)
    changed = Decider().decide(world(limitador(WANTED)), known())

    status = statuses.of(seen, changed, {GATEWAY: outcome(missing=("WasmPlugin",))}, 1.0)[POLICY]
    assert status.waiting


def test_a_gateway_that_says_nothing_is_given_time_to_take_what_a_policy_asks_for() -> None:
    statuses, decision = PolicyStatuses(), Decider().decide(world(limitador(WANTED)), known())

    def at(now: float, progress: GatewayState) -> str:
        return (
            statuses.of(world(limitador(WANTED)), decision, of(decision, progress), now)[POLICY]
            .conditions[1]
            .message
        )

    waiting = "RateLimitPolicy waiting for the following components to sync:"
    assert at(0.0, outcome(missing=("WasmPlugin",))) == f"{waiting} [WasmPlugin ({NAME})]"
    assert at(10.0, outcome()) == f"{waiting} [Gateway ({NAME})]"
    assert statuses.due == 10.0 + TAKE_SECONDS
    # What it gets for others meanwhile is no reason to begin anew.
    at(10.0 + TAKE_SECONDS / 3, outcome(missing=("WasmPlugin",)))
    assert at(10.0 + TAKE_SECONDS / 2, outcome()) == f"{waiting} [Gateway ({NAME})]"
    assert at(10.0 + TAKE_SECONDS, outcome()) == "RateLimitPolicy has been successfully enforced"
    assert statuses.due is None


def test_a_gateway_that_changes_to_push_is_heard_of() -> None:
    seen = world(limitador(WANTED))
    statuses, decision = PolicyStatuses(), Decider().decide(seen, known())
    content = {"": Content("00", "11")}
    pod = PodState(pod="ns/pod", ready=True, deliveries=(FilterState(filter="", running=content[""]),))

    def acknowledged(progress: GatewayState) -> str:
        *_, condition = settled(seen, decision, progress, statuses).conditions
        assert condition.type == ACKNOWLEDGED
        return condition.status

    assert acknowledged(outcome()) == "Unknown"
    assert acknowledged(outcome(wanted=content, pods=(pod,))) == "True"


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

    (condition,) = PolicyStatuses().of(seen, decision, {GATEWAY: outcome()}, 0.0)[POLICY].conditions

    assert (condition.type, condition.status) == ("Accepted", "False")
    assert (condition.reason, condition.message) == ("MissingDependency", message)
    assert kuadrant_status(seen, decision, "").message == message
