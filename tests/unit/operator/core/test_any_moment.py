"""Policies come, go and go wrong while writes are refused, the service is late and the operator starts anew.

What always holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from kuadrant.operator.core.accepted_policies import AcceptedPolicies
from kuadrant.operator.core.decider import Decider
from kuadrant.operator.core.kinds import StoredPolicy
from kuadrant.operator.core.limit_retention import LimitRetention
from kuadrant.operator.core.staged_program import asked_for, asks, rules_of
from kuadrant.operator.core.times import RETENTION_SECONDS, TAKE_SECONDS
from kuadrant.operator.core.world import World
from kuadrant.operator.statuses.policy_statuses import PolicyStatuses
from tests.unit.operator.example import GATEWAY, KEY, limitador, objects
from tests.unit.operator.known import known
from tests.unit.operator.outcomes import of, outcome

if TYPE_CHECKING:
    from kuadrant.api.limitador import Limit, Limitador
    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.decision import Decision

ROUTES = ("a", "b")
NAMESPACE = "default"


def _route(name: str) -> str:
    return (
        "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, "
        f"metadata: {{name: {name}, namespace: {NAMESPACE}}}, spec: {{parentRefs: "
        f"[{{name: {GATEWAY[1]}, namespace: {GATEWAY[0]}}}], hostnames: [{name}.example], "
        "rules: [{backendRefs: [{name: app, port: 80}]}]}}"
    )


OBJECTS = replace(objects(*map(_route, ROUTES)), rate_limit_policies=())
BAD = [{"predicate": "request.path.matches('(?!x)')"}]
Form = tuple[str, int, bool]
"""The name and the maximum of a policy's only limit, and whether it is one that can be carried out."""
FORMS = st.tuples(st.sampled_from(["x", "y"]), st.integers(1, 3), st.sampled_from([True, True, False]))


class Operator:
    """All that an operator remembers of policies."""

    def __init__(self) -> None:
        self.accepted = AcceptedPolicies()
        self.decider = Decider()
        self.statuses = PolicyStatuses()
        self.retention = LimitRetention()
        self.decision: Decision | None = None


class AnyMoment(RuleBasedStateMachine):
    """A cluster with a gateway that pulls.

    What is written is written by rules, in any order, or not at all for a while.
    """

    @initialize()
    def start(self) -> None:
        self.now = 0.0
        self.policies: dict[Key, StoredPolicy] = {}
        self.forms: dict[tuple[Key, int], Form] = {}
        self.uids = 0
        # What is stored, what the service holds, and what the gateway does.
        self.limits: list[tuple[Limit, ...]] = [()]
        self.observed = 0
        self.existing: tuple[dict[str, Any], ...] = ()
        self.stored: GatewayProgram | None = None
        self.running: GatewayProgram | None = None
        self.limited: set[Key] = set()
        self.in_effect: set[Key] = set()
        self.operator = Operator()
        self.applied: Any = None

    # Tenants

    @rule(name=st.sampled_from(ROUTES), form=FORMS)
    def put(self, name: str, form: Form) -> None:
        """A policy is made or edited."""
        key = (NAMESPACE, name)
        former = self.policies.get(key)
        if former is None:
            self.uids += 1
        generation = 1 if former is None else former.metadata.generation + 1
        limit: dict[str, Any] = {"rates": [{"limit": form[1], "window": "10s"}]}
        if not form[2]:
            limit["when"] = BAD
        target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name}
        document = {
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "generation": generation,
                "uid": str(self.uids) if former is None else former.metadata.uid,
            },
            "spec": {"targetRef": target, "limits": {form[0]: limit}},
            "status": {} if former is None else former.status,
        }
        self.policies[key] = msgspec.convert(document, StoredPolicy)
        self.forms[key, generation] = form

    @rule(name=st.sampled_from(ROUTES), again=st.none() | FORMS)
    def delete(self, name: str, again: Form | None) -> None:
        """A policy is deleted, and perhaps made again at once."""
        self.policies.pop((NAMESPACE, name), None)
        self.limited.discard((NAMESPACE, name))
        self.in_effect.discard((NAMESPACE, name))
        if again is not None:
            self.put(name, again)

    # The operator

    def _world(self) -> World:
        resource = limitador(self.limits[-1], generation=len(self.limits), observed=self.observed)
        found: dict[Key, Limitador] = {KEY: resource} if len(self.limits) > 1 else {}
        there = {GATEWAY: self.existing} if self.existing else {}
        return World(objects=OBJECTS, policies=dict(self.policies), limitadors=found, existing=there)

    @rule(limits=st.booleans(), gateway=st.booleans())
    def look(self, limits: bool, gateway: bool) -> None:
        """It looks, and gets to write what the API server takes of it."""
        self.decide()
        if limits:
            self.write_limits()
        if gateway:
            self.write_objects()

    def decide(self) -> None:
        """It looks, says what it sees, and notes what may go."""
        one = self.operator
        world = one.accepted.of(self._world(), self.now)
        one.decision = one.decider.decide(world, known(retained=one.retention.retained))
        gateway = one.decision.gateways[GATEWAY]
        missing = {part["kind"] for part in gateway.wanted.objects if part not in self.existing}
        state = outcome(missing=tuple(missing), applied=self.applied)
        said = one.statuses.of(world, one.decision, of(one.decision, state), self.now)
        one.retention.note(
            {GATEWAY: (gateway.program, RETENTION_SECONDS, gateway.may_be_told)},
            {},
            one.decision.present,
            one.statuses.arrivals,
            self.now,
        )
        for key, status in said.items():
            stored = self.policies[key]
            content: dict[str, Any] = {}
            if status.last_accepted is not None:
                generation, spec = status.last_accepted
                self.in_effect.add(key)
                content["lastAccepted"] = {"generation": generation, "spec": spec}
            self.policies[key] = replace(stored, status=content)
            enforced = [part for part in status.conditions if part.type == "Enforced"]
            event(f"Enforced={enforced[0].status if enforced else None}")
            if enforced and enforced[0].status == "True":
                assert status.last_accepted is not None
                self._check_enforced(key, self.forms[key, status.last_accepted[0]])

    def _check_enforced(self, key: Key, form: Form) -> None:
        """The next request meets exactly these limits."""
        name, maximum, _ = form
        assert self.running is not None
        own = {
            what: limit.key
            for rule_ in rules_of(self.running)
            for what, limit in asks(rule_)
            if "/".join(key) in limit.sources
        }
        assert len(own) == 1, own
        (what,) = own
        assert own[what].startswith(f"limit.{name}__")
        held = [one for one in self._held() if what in asked_for([one])]
        assert [one.max_value for one in held] == [maximum]

    def write_limits(self) -> None:
        """It gets to write the limits that it decided on."""
        assert self.operator.decision is not None
        if self.operator.decision.limits != self.limits[-1] or len(self.limits) == 1:
            self.limits.append(self.operator.decision.limits)

    def write_objects(self) -> None:
        """It gets to write the gateway's objects."""
        assert self.operator.decision is not None
        gateway = self.operator.decision.gateways[GATEWAY]
        if gateway.awaited or gateway.wanted.problem:
            return
        obsolete = {part["metadata"]["name"] for part in gateway.obsolete}
        self.existing = gateway.objects or tuple(
            part for part in self.existing if part["metadata"]["name"] not in obsolete
        )
        self.applied, self.stored = gateway.wanted, gateway.program

    @rule()
    def come_to_rest(self) -> None:
        """Everything happens, until nothing more does."""
        for _ in range(3):
            self.decide()
            self.write_limits()
            self.observe(0)
            self.decide()
            self.write_objects()
            self.take()
            self.wait(TAKE_SECONDS)
        self.decide()
        event(f"rest, {len(self.limited)} limited")

    @rule()
    def restart(self) -> None:
        """It starts anew."""
        self.operator, self.applied = Operator(), None

    # The service, the gateway and the clock

    @rule(back=st.integers(0, 2))
    def serve(self, back: int) -> None:
        """The service takes some version of the limits."""
        self.observe(back)

    def observe(self, back: int) -> None:
        """What the service holds is what was stored so many versions ago."""
        self.observed = max(self.observed, len(self.limits) - back)

    @rule()
    def take_now(self) -> None:
        """The gateway takes its objects."""
        self.take()

    def take(self) -> None:
        """What is stored is what the gateway does."""
        self.running = self.stored
        asked = (
            {
                source
                for rule_ in rules_of(self.running)
                for _, limit in asks(rule_)
                for source in limit.sources
            }
            if self.running
            else set()
        )
        self.limited |= {key for key in self.policies if "/".join(key) in asked and key in self.in_effect}

    @rule(seconds=st.sampled_from([0.5, TAKE_SECONDS, RETENTION_SECONDS, 3600.0]))
    def wait(self, seconds: float) -> None:
        """Time goes by; in a second the gateway has what is stored."""
        self.now += seconds
        if seconds >= TAKE_SECONDS:
            self.take()

    def _held(self) -> tuple[Limit, ...]:
        return self.limits[self.observed - 1] if self.observed else ()

    @invariant()
    def no_gateway_asks_for_what_is_not_held(self) -> None:
        """A question for it would be an error, or, with another service, be admitted."""
        if getattr(self, "running", None) is None:
            return
        assert self.running is not None
        asked = {what for rule_ in rules_of(self.running) for what, _ in asks(rule_)}
        assert asked <= asked_for(self._held())

    @invariant()
    def what_was_limited_stays_limited(self) -> None:
        """Until its policy is deleted."""
        if getattr(self, "running", None) is None:
            return
        assert self.running is not None
        asked = {
            source for rule_ in rules_of(self.running) for _, limit in asks(rule_) for source in limit.sources
        }
        assert {"/".join(key) for key in self.limited} <= asked


AnyMoment.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestAnyMoment = pytest.mark.slow(AnyMoment.TestCase)
