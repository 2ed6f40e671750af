"""Who makes the ports of a gateway differ, where it cannot be told them apart, hurts nobody but himself."""

from __future__ import annotations

from typing import Any, Final

import pytest
import yaml

from tests.unit.operator.core.shared_gateway import HONEST, HOSTILE, Cluster, policy, route
from tests.unit.operator.example import ENVOY_GATEWAY
from tests.unit.operator.known import BY_ADDRESS, known, module

SHARED: Final = ("istio-system", "shared")
HOST: Final = "shop.example"
GATEWAY: Final[dict[str, Any]] = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": SHARED[1], "namespace": SHARED[0]},
    "spec": {
        "gatewayClassName": "istio",
        "listeners": [
            {
                "name": name,
                "port": port,
                "protocol": "HTTP",
                "allowedRoutes": {"namespaces": {"from": "All"}},
            }
            for name, port in (("inner", 8080), ("outer", 80))
        ],
    },
}
NAMED = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "shared-istio", "namespace": SHARED[0]},
    "spec": {
        "ports": [
            {"name": "inner", "port": 8080, "targetPort": "inner"},
            {"name": "outer", "port": 80, "targetPort": "outer"},
        ]
    },
}


def shop(
    name: str,
    namespace: str = HOSTILE,
    *,
    paths: tuple[str, ...] = ("/",),
    ports: str = "both",
    since: int = 0,
) -> dict[str, Any]:
    """A route of the host name that all share."""
    made = route(name, namespace, parent=SHARED)
    if ports != "both":
        made["spec"]["parentRefs"][0]["sectionName"] = ports
    made["metadata"]["creationTimestamp"] = f"2024-01-01T00:00:{since:02}Z"
    made["spec"]["hostnames"] = [HOST]
    made["spec"]["rules"] = [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": path}}],
            "backendRefs": [{"name": "app", "port": 80}],
        }
        for path in paths
    ]
    return made


VICTIM = [shop("victim", HONEST, paths=("/victim",)), policy("victim", HONEST)]
OFFENDER = [shop("offender", paths=("/offender",), ports="inner"), policy("offender")]


def cluster(*before: dict[str, Any]) -> Cluster:
    made = Cluster(SHARED, yaml.safe_dump_all([GATEWAY, NAMED]))
    made.put([*before])
    return made


def told(it: Cluster) -> dict[str, int]:
    """How many limits the gateway asks for, by path, in the order in which they are tried."""
    return {
        rule.get("path", {"value": "/"})["value"]: sum(
            len(action["limits"]) for action in rule.get("actions", ())
        )
        for rule in it.rules(HOST)
    }


EDITED = [VICTIM[0], policy("victim", HONEST, limits=3)]
OTHER = [shop("other", HONEST, paths=("/other",)), policy("other", HONEST, limits=2)]
WAYS = pytest.mark.parametrize(
    "offender",
    [
        OFFENDER,
        [shop("offender", paths=("/offender",), ports="inner")],
        [shop("offender", paths=("/",), ports="outer"), policy("offender", limits=5)],
        [shop("offender", paths=("/victim/a",), ports="inner"), policy("offender", limits=4)],
    ],
    ids=[
        "a limit on one port",
        "a route on one port",
        "a route around the other's",
        "a route in the other's",
    ],
)


@WAYS
def test_an_edit_of_another_tenant_reaches_the_gateway(offender: list[dict[str, Any]]) -> None:
    it = cluster(*VICTIM)
    it.put([*VICTIM, *offender])
    decision = it.put([*EDITED, *OTHER, *offender])
    assert decision.gateways[SHARED].wanted.problem is None
    assert (told(it)["/victim"], told(it)["/other"]) == (3, 2)
    assert [it.enforced(HONEST, name)[0] for name in ("victim", "other")] == ["True", "True"]


@WAYS
def test_it_takes_no_request_from_another_s_rule(offender: list[dict[str, Any]]) -> None:
    it = cluster(*VICTIM)
    it.put([*VICTIM, *offender])
    assert next(iter(told(it))) == "/victim"


def test_what_brought_the_difference_is_not_taken_and_its_status_says_what_to_do() -> None:
    it = cluster(*VICTIM)
    it.put([*VICTIM, *OFFENDER])
    assert told(it) == {"/victim": 1}
    status, message = it.enforced(HOSTILE, "offender")
    assert status == "False"
    for words in (
        f"would limit {HOST} in different ways",
        "to a name (",
        "what was in effect stays",
        "attach its routes to the same ports",
    ):
        assert words in message


def test_what_it_had_before_stays() -> None:
    former = [shop("offender", paths=("/offender",)), policy("offender", limits=4)]
    it = cluster(*VICTIM, *former)
    it.put([*EDITED, *OFFENDER])
    assert told(it) == {"/victim": 3, "/offender": 4}
    it.put([*EDITED, *OTHER, *OFFENDER])
    assert told(it)["/offender"] == 4


def test_without_the_difference_it_is_taken() -> None:
    it = cluster(*VICTIM)
    it.put([*VICTIM, *OFFENDER])
    it.put([*VICTIM, shop("offender", paths=("/offender",)), policy("offender")])
    assert told(it) == {"/victim": 1, "/offender": 1}
    assert it.enforced(HOSTILE, "offender")[0] == "True"


def test_it_is_taken_when_the_other_has_gone() -> None:
    it = cluster(*VICTIM)
    it.put([*VICTIM, *OFFENDER])
    it.put(OFFENDER)
    assert told(it) == {"/offender": 1}
    assert it.enforced(HOSTILE, "offender")[0] == "True"


@WAYS
def test_an_operator_that_starts_does_not_turn_them_around(offender: list[dict[str, Any]]) -> None:
    """The offender is even the older one."""
    victim = [shop("victim", HONEST, paths=("/victim",), since=9), VICTIM[1]]
    it = cluster(*victim)
    it.put([*victim, *offender])
    it.restart()
    it.put([*victim, *OTHER, *offender])
    assert (told(it)["/victim"], told(it)["/other"]) == (1, 2)


def test_of_two_that_are_new_the_younger_one_brought_the_difference() -> None:
    first = [shop("first", HONEST, paths=("/first",), ports="outer", since=1), policy("first", HONEST)]
    second = [shop("second", paths=("/second",), ports="inner", since=2), policy("second")]
    it = cluster(*second, *first)
    assert told(it) == {"/first": 1}


def test_what_its_routes_are_limited_by_beside_its_own_policies_holds() -> None:
    of_gateway = policy(SHARED[1], SHARED[0], limits=2, kind="Gateway")
    of_gateway["spec"]["overrides"] = {"limits": of_gateway["spec"].pop("limits"), "strategy": "merge"}
    it = cluster(*VICTIM, of_gateway)
    it.put([*VICTIM, of_gateway, *OFFENDER])
    assert told(it) == {"/victim": 2, "/offender": 2}


def test_limits_of_policies_of_listeners_hold_on_all_ports_and_their_statuses_say_so() -> None:
    sections = []
    for name in ("inner", "outer"):
        section = policy(SHARED[1], SHARED[0], kind="Gateway")
        section["metadata"]["name"] = name
        section["spec"]["targetRef"]["sectionName"] = name
        (limit,) = section["spec"].pop("limits").values()
        section["spec"]["overrides"] = {"limits": {name: limit}, "strategy": "merge"}
        sections.append(section)
    it = cluster(*VICTIM)
    it.put([*VICTIM, *sections])
    it.put([*EDITED, *sections])
    assert told(it) == {"/victim": 3 + 2}
    assert it.enforced(HONEST, "victim")[0] == "True"
    for name in ("inner", "outer"):
        status, message = it.enforced(SHARED[0], name)
        assert status == "False"
        assert "the limits of each of them hold on all" in message


def test_more_listeners_than_envoy_gateway_can_be_told_of_are_no_problem_either() -> None:
    listeners = [
        {**GATEWAY["spec"]["listeners"][1], "name": f"l{number}", "hostname": f"h{number}.example"}
        for number in range(16)
    ]
    gateway = {
        **GATEWAY,
        "spec": {"gatewayClassName": "eg", "listeners": [*GATEWAY["spec"]["listeners"], *listeners]},
    }
    it = Cluster(SHARED, yaml.safe_dump_all([gateway]), ENVOY_GATEWAY.replace("name: istio", "name: eg"))
    it.known = known(module=module(rendering=BY_ADDRESS))
    it.put(VICTIM)
    decision = it.put([*VICTIM, *OFFENDER])
    assert decision.gateways[SHARED].wanted.problem is None
    assert "an EnvoyExtensionPolicy can name" in it.enforced(HOSTILE, "offender")[1]
    assert it.enforced(HONEST, "victim")[0] == "True"
