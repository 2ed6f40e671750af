"""One namespace takes no more of a gateway than there is for it, and keeps no other's policies from it."""

from __future__ import annotations

import random
import string
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml

from kuadrant.dialects import Service
from kuadrant.dialects.own.configuration import render
from kuadrant.dialects.own.packing import packing, unpacked
from kuadrant.gateways.envoy import RATE_LIMIT_CLUSTER
from kuadrant.gateways.provider import Rendering
from kuadrant.operator.core.decider import Decider
from kuadrant.operator.core.times import TAKE_SECONDS
from kuadrant.operator.core.world import World
from kuadrant.operator.statuses.ratelimit_policy_status import PolicyStatuses
from tests.effort import calls
from tests.unit.operator.example import GATEWAY, KEY, limitador, objects
from tests.unit.operator.known import known, module
from tests.unit.operator.outcomes import of, outcome

if TYPE_CHECKING:
    from kuadrant.operator.core.decision import Decision

HOSTILE, HONEST = "hostile", "default"
KNOWN = known(
    module=module(rendering=Rendering(packing(partial(render, service=Service(RATE_LIMIT_CLUSTER)))))
)
CHANCE = random.Random(1)


def text(length: int) -> str:
    return "".join(CHANCE.choices(string.ascii_letters + string.digits, k=length))


def route(name: str, namespace: str = HOSTILE, *, hosts: int = 1, matches: int = 1) -> dict[str, Any]:
    paths = [{"path": {"type": "Exact", "value": f"/{number}"}} for number in range(matches)]
    rules = [
        {"matches": paths[first : first + 8], "backendRefs": [{"name": "app", "port": 80}]}
        for first in range(0, matches, 8)
    ]
    parent = {"name": GATEWAY[1], "namespace": GATEWAY[0]}
    spec = {
        "parentRefs": [parent],
        "hostnames": [f"{name}-{number}.{namespace}.example" for number in range(hosts)],
        "rules": rules,
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def policy(
    target: str, namespace: str = HOSTILE, *, limits: int = 1, conditions: int = 0, kind: str = "HTTPRoute"
) -> dict[str, Any]:
    when = [{"predicate": f"request.path != '{text(4000)}'"} for _ in range(conditions)]
    limit = {"rates": [{"limit": 5, "window": "10s"}], "when": when}
    target_ref = {"group": "gateway.networking.k8s.io", "kind": kind, "name": target}
    return {
        "apiVersion": "kuadrant.io/v1",
        "kind": "RateLimitPolicy",
        "metadata": {"name": target, "namespace": namespace},
        "spec": {"targetRef": target_ref, "limits": {f"l{number}": limit for number in range(limits)}},
    }


HONEST_ROUTES = [route("b", HONEST), policy("b", HONEST)]
MULTIPLIED = [route("a", hosts=16, matches=128), policy("a", limits=200)]
INCOMPRESSIBLE = [
    part for number in range(9) for part in (route(f"a{number}"), policy(f"a{number}", conditions=16))
]


class Cluster:
    """A gateway, the limits of which are always held, and an operator."""

    def __init__(self) -> None:
        self.decider = Decider()
        self.world = World(objects=objects())
        self.existing: tuple[dict[str, Any], ...] = ()

    def put(self, documents: list[dict[str, Any]]) -> Decision:
        wanted = objects(yaml.safe_dump_all(documents))
        self.world = World(objects=wanted, existing={GATEWAY: self.existing} if self.existing else {})
        limits = self.decider.decide(self.world, KNOWN).limits
        self.world = msgspec.structs.replace(self.world, limitadors={KEY: limitador(limits)})
        decision = self.decider.decide(self.world, KNOWN)
        self.existing = decision.gateways[GATEWAY].objects or self.existing
        return decision

    def restart(self) -> None:
        self.decider = Decider()

    def asked(self, namespace: str) -> int:
        """How many limits the gateway asks for on routes of a namespace, with all hosts and matches."""
        (plugin,) = (one for one in self.existing if one["kind"] == "WasmPlugin")
        config = msgspec.json.decode(unpacked(msgspec.json.encode(plugin["spec"]["pluginConfig"])))
        return sum(
            len(action["limits"])
            for host in config["hosts"]
            if f".{namespace}." in host["hostname"]
            for rule in host["rules"]
            for action in rule.get("actions", ())
        )

    def enforced(self, decision: Decision, namespace: str, name: str) -> tuple[str, str]:
        statuses = PolicyStatuses()
        statuses.of(self.world, decision, of(decision, outcome()), -TAKE_SECONDS)
        status = statuses.of(self.world, decision, of(decision, outcome()), 0.0)[namespace, name]
        return status.conditions[1].status, status.conditions[1].message


def patterned(name: str, patterns: int) -> dict[str, Any]:
    """A route with so many regular expressions of 300 characters that are looked at each time."""
    one = route(name, matches=patterns // 16)
    for rule in one["spec"]["rules"]:
        for match in rule["matches"]:
            match["headers"] = [
                {"type": "RegularExpression", "name": f"h{number}", "value": f"{text(300)}"}
                for number in range(16)
            ]
    return one


PATTERNS = [patterned("a", 2048), policy("a")]
TOO_MUCH = pytest.mark.parametrize(
    "documents",
    [MULTIPLIED, INCOMPRESSIBLE, PATTERNS],
    ids=["multiplied by hosts and matches", "large texts", "regular expressions"],
)


@TOO_MUCH
def test_what_is_too_much_of_one_namespace_keeps_no_edit_of_another_from_the_gateway(
    documents: list[dict[str, Any]],
) -> None:
    cluster = Cluster()
    cluster.put([])
    decision = cluster.put([*documents, *HONEST_ROUTES])

    assert decision.gateways[GATEWAY].wanted.problem is None
    assert cluster.asked(HONEST) == 1
    assert cluster.enforced(decision, HONEST, "b")[0] == "True"


@TOO_MUCH
def test_it_is_told_in_its_own_status(documents: list[dict[str, Any]]) -> None:
    cluster = Cluster()
    cluster.put([])
    decision = cluster.put(documents)
    status, message = cluster.enforced(decision, HOSTILE, documents[1]["metadata"]["name"])
    assert status == "False"
    assert "are more than there is room for" in message


@pytest.mark.parametrize("documents", [MULTIPLIED, INCOMPRESSIBLE], ids=["multiplied", "large texts"])
def test_what_it_had_before_stays(documents: list[dict[str, Any]]) -> None:
    former = [route(documents[0]["metadata"]["name"]), policy(documents[1]["metadata"]["name"], limits=3)]
    cluster = Cluster()
    cluster.put(former)
    assert cluster.asked(HOSTILE) == 3
    cluster.put(documents)
    assert cluster.asked(HOSTILE) == 3
    cluster.put(former)
    assert cluster.asked(HOSTILE) == 3


def test_what_others_ask_for_on_its_routes_is_asked_for_as_they_want_it() -> None:
    cluster = Cluster()
    of_gateway = policy(GATEWAY[1], GATEWAY[0], limits=2, kind="Gateway")
    of_gateway["spec"]["overrides"] = {"limits": of_gateway["spec"].pop("limits"), "strategy": "merge"}
    cluster.put([of_gateway])
    cluster.put([of_gateway, *MULTIPLIED])
    assert cluster.asked(HOSTILE) == 2 * 16 * 128


def test_an_operator_that_starts_leaves_what_is_there_where_it_does_not_know_what_it_was() -> None:
    cluster = Cluster()
    cluster.put([route("a0"), policy("a0")])
    before = cluster.existing
    cluster.restart()
    decision = cluster.put(INCOMPRESSIBLE)
    assert "more than the 512 KiB" in (decision.gateways[GATEWAY].wanted.problem or "")
    assert cluster.existing == before
    cluster.put([route("a0"), policy("a0"), *HONEST_ROUTES])
    assert (cluster.asked(HOSTILE), cluster.asked(HONEST)) == (1, 1)


def test_of_the_first_that_is_known_as_many_routes_as_there_is_room_for_have_their_limits() -> None:
    cluster = Cluster()
    cluster.put([*MULTIPLIED, route("small"), policy("small", limits=2)])
    assert cluster.asked(HOSTILE) == 2


def test_a_decision_takes_no_longer_for_it() -> None:
    """With eight such routes, within all budgets, it took 13 s, and with texts 1 GB for each."""
    many = [
        part
        for number in range(8)
        for part in (route(f"a{number}", hosts=16, matches=128), policy(f"a{number}", limits=200))
    ]
    cluster = Cluster()
    cluster.put(many)
    world = msgspec.structs.replace(
        cluster.world, objects=objects(yaml.safe_dump_all([*many, *HONEST_ROUTES]))
    )
    assert calls(lambda: cluster.decider.decide(world, KNOWN)) < 2_000_000  # some tenths of a second
