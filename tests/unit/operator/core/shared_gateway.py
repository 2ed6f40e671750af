"""A gateway that tenants share, an operator, and what they may write."""

from __future__ import annotations

import random
import string
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from kuadrant.dialects import Service
from kuadrant.dialects.own.configuration import render
from kuadrant.dialects.own.packing import packing, unpacked
from kuadrant.gateways.envoy import RATE_LIMIT_CLUSTER
from kuadrant.gateways.provider import Rendering
from kuadrant.operator.core.decider import Decider
from kuadrant.operator.core.kinds import StoredPolicy
from kuadrant.operator.core.times import TAKE_SECONDS
from kuadrant.operator.core.world import World
from kuadrant.operator.statuses.policy_statuses import PolicyStatuses
from kuadrant.status import GatewayState
from tests.unit.operator.example import GATEWAY, KEY, limitador, objects
from tests.unit.operator.known import known, module

if TYPE_CHECKING:
    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.decision import Decision

HOSTILE, HONEST = "hostile", "default"
KNOWN = known(
    module=module(rendering=Rendering(packing(partial(render, service=Service(RATE_LIMIT_CLUSTER)))))
)
CHANCE = random.Random(1)


def text(length: int) -> str:
    return "".join(CHANCE.choices(string.ascii_letters + string.digits, k=length))


def route(
    name: str, namespace: str = HOSTILE, *, hosts: int = 1, matches: int = 1, parent: Key = GATEWAY
) -> dict[str, Any]:
    paths = [{"path": {"type": "Exact", "value": f"/{number}"}} for number in range(matches)]
    rules = [
        {"matches": paths[first : first + 8], "backendRefs": [{"name": "app", "port": 80}]}
        for first in range(0, matches, 8)
    ]
    spec = {
        "parentRefs": [{"name": parent[1], "namespace": parent[0]}],
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


def written(documents: list[dict[str, Any]]) -> str:
    """A file with these documents. JSON is YAML, and takes a tenth of the time to be written."""
    return "\n---\n".join(msgspec.json.encode(one).decode() for one in documents)


class Cluster:
    """A gateway, the limits of which are always held, and an operator.

    Statuses are as the operator has written them last.
    """

    def __init__(self, gateway: Key = GATEWAY, *there: str) -> None:
        self.decider = Decider()
        self.gateway = gateway
        self.known = KNOWN
        self.there = there
        self.world = World(objects=objects(*there))
        self.existing: tuple[dict[str, Any], ...] = ()
        self.conditions: dict[Key, list[dict[str, Any]]] = {}

    def put(self, documents: list[dict[str, Any]]) -> Decision:
        there = objects(*self.there, written(documents))
        self.world = World(
            objects=there,
            services={(one.metadata.namespace, one.metadata.name): one for one in there.services},
            existing={self.gateway: self.existing} if self.existing else {},
            policies=dict(self._stored(documents)),
            limitadors=self.world.limitadors,
        )
        # The service has taken the limits before the operator looks at the world again.
        first = Decider().decide(self.world, self.known)
        left_out = frozenset(first.limitador.left_out)
        limits = tuple(one for one in first.limits if one not in left_out)
        if first.limitador.problem is None:
            self.world = msgspec.structs.replace(self.world, limitadors={KEY: limitador(limits)})
        decision = self.decider.decide(self.world, self.known)
        self.existing = decision.gateways[self.gateway].objects or self.existing
        self.conditions = {
            key: msgspec.to_builtins(status.conditions) for key, status in self._statuses(decision).items()
        }
        return decision

    def restart(self) -> None:
        self.decider = Decider()

    def rules(self, hostname: str) -> list[dict[str, Any]]:
        """What the gateway is told of a host name."""
        (plugin,) = (one for one in self.existing if one["kind"] == "WasmPlugin")
        config = msgspec.json.decode(unpacked(msgspec.json.encode(plugin["spec"]["pluginConfig"])))
        return [rule for host in config["hosts"] if host["hostname"] == hostname for rule in host["rules"]]

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

    def enforced(self, namespace: str, name: str) -> tuple[str, str]:
        """What the status of a policy says of it."""
        enforced = self.conditions[namespace, name][1]
        return enforced["status"], enforced["message"]

    def _statuses(self, decision: Decision) -> Any:
        states = {
            key: GatewayState(gateway="/".join(key), awaited=one.lacks, refused=one.wanted.problem or "")
            for key, one in decision.gateways.items()
        }
        statuses = PolicyStatuses()
        statuses.of(self.world, decision, states, -TAKE_SECONDS)
        return statuses.of(self.world, decision, states, 0.0)

    def _stored(self, documents: list[dict[str, Any]]) -> Any:
        for one in documents:
            if one["kind"] == "RateLimitPolicy":
                key = (one["metadata"]["namespace"], one["metadata"]["name"])
                status = {"conditions": self.conditions.get(key, [])}
                yield key, msgspec.convert({**one, "status": status}, StoredPolicy)
