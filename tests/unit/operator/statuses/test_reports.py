"""A replica reports each gateway with what its pods run, and each policy with what is said of it."""

from __future__ import annotations

from kuadrant.operator.core.decider import Decider
from kuadrant.operator.statuses.policy_statuses import PolicyStatuses
from kuadrant.operator.statuses.reports import report
from kuadrant.status import Content, GatewayReport, GatewayState, PodState, Report
from tests.unit.operator.example import WANTED, limitador, world
from tests.unit.operator.known import MODULE, known
from tests.unit.operator.outcomes import of, outcome

WORLD = world(limitador(WANTED))
DECISION = Decider().decide(WORLD, known())
STATUSES = PolicyStatuses().of(WORLD, DECISION, of(DECISION, outcome()), 0.0)


def reported(progress: GatewayState, *, leads: bool = True) -> Report:
    pods = (PodState(pod="istio-system/gw-1", ready=True),)
    return report(DECISION, of(DECISION, progress), lambda _: pods, STATUSES, leads=leads)


def gateway(progress: GatewayState) -> GatewayReport:
    (found,) = reported(progress).gateways
    return found


def test_a_gateway_that_pulls_is_reported_with_the_module_that_its_pods_are_to_run() -> None:
    found = gateway(outcome())

    assert (found.gateway, found.provider, found.delivery, found.limited) == (
        "istio-system/istio-ingressgateway",
        "Istio",
        "pull",
        True,
    )
    assert [(line.pod, line.wanted, line.running) for line in found.pods] == [
        ("istio-system/gw-1", Content(MODULE.address.sha256, ""), None)
    ]


def test_what_a_gateway_waits_for_is_reported_unless_something_is_refused() -> None:
    assert gateway(outcome(missing=("WasmPlugin",))).awaited != ()
    refused = gateway(outcome(missing=("WasmPlugin",), refused="no room"))
    assert (refused.awaited, refused.problem) == ((), "no room")


def test_a_policy_is_reported_with_its_gateways_and_conditions() -> None:
    (policy,) = reported(outcome()).policies

    assert (policy.policy, policy.gateways) == ("default/toystore", ("istio-system/istio-ingressgateway",))
    assert policy.conditions == STATUSES["default", "toystore"].conditions


def test_it_says_whether_this_replica_leads() -> None:
    assert not reported(outcome(), leads=False).leads
    assert report(DECISION, {}, lambda _: (), STATUSES, leads=True).gateways == (), "nothing is known of any"
