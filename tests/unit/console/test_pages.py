"""What each view has: the records of other rooms, the gravest first, a page at a time."""

from __future__ import annotations

from typing import Any

import pytest

from kuadrant.api.meta import Condition
from kuadrant.console.console_state import ConsoleState, Edit, RefusedChange
from kuadrant.console.limits_page import limits_page
from kuadrant.console.modules_page import modules_page
from kuadrant.console.now_page import now_page
from kuadrant.console.policy_page import policies_page, policy_page
from kuadrant.console.topology_index import topology_index
from kuadrant.console.topology_page import PAGE, topology_page
from kuadrant.findings import Finding
from kuadrant.status import Content, GatewayReport, Report
from kuadrant.status.gateway_report import PodLine
from kuadrant.topology import RouteChanges
from tests.unit.console.showing import LIMIT, Answers, shown
from tests.unit.explanation.asking import WORLD, policy

WARNING = Finding(
    "all.yaml", 3, 1, "RateLimitPolicy default/p", "spec", "is odd", "odd", "warning", "mend it"
)
MISTAKE = Finding(
    "all.yaml", 4, 1, "HTTPRoute default/toys", "spec", "is wrong", "wrong", "error", "write it"
)
WANTED = Content("a" * 64, "2")
OTHER = Content("a" * 64, "1")


def now(of: ConsoleState) -> dict[str, Any]:
    return now_page(of, topology_index(of.topology))


def gateway(*pods: PodLine, **more: Any) -> Report:
    one = GatewayReport(
        gateway="default/gw", provider="Istio", delivery="push", limited=True, pods=pods, **more
    )
    return Report(leads=True, gateways=(one,))


def pod(**more: Any) -> PodLine:
    return PodLine(pod="default/one", ready=True, wanted=WANTED, **more)


def test_nothing_is_wrong_where_nothing_is() -> None:
    told = now(shown(policy(LIMIT), report=gateway(pod(running=WANTED, evidence="acknowledged"))))
    assert told["troubles"] == []
    assert told["counts"]["routes"] == told["counts"]["policies"] == told["counts"]["gateways"] == 1


def test_what_is_wrong_is_told_the_gravest_first_and_a_change_that_is_not_applied_before_all() -> None:
    of = shown(policy(LIMIT), findings=(WARNING,), refused=RefusedChange(at=1.0, findings=(MISTAKE,)))
    told = now(of)
    assert [(one["severity"], one["what"]) for one in told["troubles"]] == [
        ("error", "The last change is not applied"),
        ("error", "HTTPRoute default/toys"),
        ("warning", "RateLimitPolicy default/p"),
    ]
    assert told["troubles"][1]["place"] == "all.yaml:4:1"
    assert told["troubles"][2]["fix"] == "mend it"
    assert told["severities"] == {"error": 2, "warning": 1, "note": 0}


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (gateway(problem="Envoy is away"), "Envoy is away"),
        (gateway(awaited=("wasm-shim",)), "waits for wasm-shim"),
        (gateway(pod(running=OTHER, evidence="acknowledged")), "runs a former version"),
        (gateway(pod()), "has not said what it runs"),
        (gateway(pod(running=OTHER, refuses=True, refusal="bad field")), "what it had: bad field"),
    ],
)
def test_a_gateway_that_does_not_run_what_it_is_to_run_is_told(report: Report, said: str) -> None:
    (one,) = now(shown(policy(LIMIT), report=report))["troubles"]
    assert one["text"].endswith(said)


def test_a_policy_that_is_not_enforced_is_told_once_with_the_reason() -> None:
    conditions = {
        "default/p": (Condition(type="Enforced", status="False", reason="Unknown", message="waits"),)
    }
    (one,) = now(shown(policy(LIMIT), conditions=conditions))["troubles"]
    assert (one["severity"], one["policy"], one["text"]) == (
        "error",
        "default/p",
        "Enforced=False (Unknown): waits",
    )


def test_a_policy_whose_target_is_on_no_gateway_is_a_warning_where_no_status_says_it() -> None:
    (one,) = now(shown(policy(LIMIT), world=WORLD.replace("parentRefs: [{name: gw}]", "parentRefs: []")))[
        "troubles"
    ]
    assert one["severity"] == "warning"
    assert one["text"].startswith("no path")


def many(count: int) -> ConsoleState:
    head, route = WORLD.split("---\n")[:2]
    routes = (route.replace("name: toys}\nspec", f"name: toys-{number}}}\nspec") for number in range(count))
    return shown(world="---\n".join((head, *routes)))


def test_routes_are_told_a_page_at_a_time_and_found_by_every_word() -> None:
    of = many(PAGE + 3)
    index = topology_index(of.topology)
    told = topology_page(of, index, "", 1)
    assert (told["page"], told["pages"], told["found"], len(told["routes"])) == (1, 2, PAGE + 3, 3)
    assert topology_page(of, index, "", 99)["page"] == 1
    found = topology_page(of, index, "POST default/TOYS-7", 0)
    assert [one["route"] for one in found["routes"]] == ["default/toys-7"]
    assert found["classes"][0]["gateways"][0]["listeners"][0]["found"] == 1
    assert topology_page(of, index, "toys-7 nowhere", 0)["routes"] == []


def test_a_policy_is_told_with_the_limits_of_each_rule_and_where_each_is_written() -> None:
    whole = policy("all: {rates: [{limit: 9, window: 1m}]}", name="gw", target="Gateway, name: gw")
    changed = RouteChanges(route="HTTPRoute default/toys", added=("create: 2 in 10 s",))
    elsewhere = RouteChanges(route="HTTPRoute default/other", added=("x",))
    edits = (Edit(at=2.0, routes=(changed, elsewhere)), Edit(at=1.0, routes=(elsewhere,)))
    of = shown(policy(LIMIT), whole, findings=(WARNING, MISTAKE), edits=edits)
    told = policy_page(of, topology_index(of.topology), "default/p", 0)
    assert told is not None
    assert told["target"] == "HTTPRoute default/toys"
    assert [one["code"] for one in told["findings"]] == ["odd"]
    limits = [limit for rule in told["rules"] for limit in rule["limits"]]
    assert {one["origin"] for one in limits} == {"all.yaml:26:5"}
    assert [len(edit["routes"]) for edit in told["edits"]] == [1]
    overridden = policy_page(of, topology_index(of.topology), "default/gw", 0)
    assert overridden is not None
    assert (overridden["state"], overridden["because"]) == ("overridden", "default/p took its place")
    assert policy_page(of, topology_index(of.topology), "default/none", 0) is None


def test_policies_are_found_by_name_target_and_state() -> None:
    of = shown(policy(LIMIT))
    index = topology_index(of.topology)
    assert policies_page(of, index, "httproute effect", 0)["found"] == 1
    assert policies_page(of, index, "overridden", 0)["found"] == 0


async def test_limits_have_calls_by_scope_and_counters_the_fullest_first() -> None:
    answers = Answers()
    told = limits_page(await answers.totals(), await answers.counters("", 1))
    assert (told["admitted"], told["limited"], told["shadow"], told["failed"]) == (5, 3, 1, 1)
    assert told["scopes"][0]["limits"] == ({"limit": "create", "limited": 3, "shadow": 1, "soft": 0},)
    assert told["counters"][0]["remaining"] == 0
    assert told["problems"] == ["two: cannot be asked"]


def test_pods_are_told_with_how_they_stand() -> None:
    report = gateway(
        pod(running=WANTED, evidence="acknowledged"), pod(running=OTHER, evidence="acknowledged")
    )
    told = modules_page(shown(report=report))
    assert [one["state"] for one in told["gateways"][0]["pods"]] == ["current", "behind"]
    assert modules_page(shown())["report"] is None
