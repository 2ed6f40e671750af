"""Policies move between targets, and targets change below them, at any moment.

Gateways are made anew under their names, listeners and rules get other names, come and go. What always holds.
"""

from __future__ import annotations

import json
from math import inf
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from kuadrant.operator.core.kinds import StoredPolicy
from kuadrant.operator.core.staged_program import asked_for, asks, rules_of
from kuadrant.operator.core.times import BEHIND_SECONDS, RETENTION_SECONDS, TAKE_SECONDS
from kuadrant.operator.core.world import World
from kuadrant.status import GatewayState
from tests.unit.operator.core.remembered import Operator
from tests.unit.operator.core.targets import (
    FORMS,
    GATEWAYS,
    GROUP,
    HOSTS,
    LISTENERS,
    NAMESPACE,
    PARENTS,
    POLICIES,
    PROBES,
    ROUTES,
    RULES,
    TARGETS,
    listener,
    met,
    objects_of,
    rule_of_route,
    spec_of,
)
from tests.unit.operator.example import KEY, limitador
from tests.unit.operator.known import known

if TYPE_CHECKING:
    from kuadrant.api.limitador import Limit, Limitador
    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.kube.kind import Key


class AnyTarget(RuleBasedStateMachine):
    """A cluster with two gateways that pull."""

    @initialize()
    def start(self) -> None:
        self.now = 0.0
        self.uids = 0
        self.policies: dict[Key, StoredPolicy] = {}
        self.gateways: dict[str, tuple[str, tuple[Any, ...]]] = {}
        self.routes: dict[str, tuple[Any, ...]] = {}
        self.limits: list[tuple[Limit, ...]] = [()]
        self.observed = 0
        self.existing: dict[Key, tuple[dict[str, Any], ...]] = {}
        self.stored: dict[Key, GatewayProgram] = {}
        self.running: dict[Key, GatewayProgram | None] = {}
        self.floor: dict[tuple[Key, int], frozenset[str]] = {}
        self.operator = Operator()
        self.disturbed_at = inf
        for name in GATEWAYS:
            self.listen(name, (listener("http"),))
        for name in ROUTES:
            self.route(name, [{"name": "ga"}], [f"{name}.example"], [rule_of_route("r1", "/")])

    def _uid(self) -> str:
        self.uids += 1
        return str(self.uids)

    @rule(name=st.sampled_from(GATEWAYS), listeners=LISTENERS)
    def listen(self, name: str, listeners: tuple[Any, ...]) -> None:
        self.disturbed_at = inf
        uid = self.gateways[name][0] if name in self.gateways else self._uid()
        self.gateways[name] = (uid, listeners)

    @rule(name=st.sampled_from(GATEWAYS), again=st.booleans())
    def remove_gateway(self, name: str, again: bool) -> None:
        self.disturbed_at = inf
        _, listeners = self.gateways.pop(name, ("", (listener("http"),)))
        key = (NAMESPACE, name)
        self.running[key] = None
        self.floor = {place: it for place, it in self.floor.items() if place[0] != key}
        if again:
            self.gateways[name] = (self._uid(), listeners)

    @rule()
    def collect(self) -> None:
        """The API server deletes what belonged to Gateways that are gone."""
        self.disturbed_at = inf
        for key, there in self.existing.items():
            uid = self.gateways.get(key[1], ("",))[0]
            left = tuple(one for one in there if one["metadata"]["ownerReferences"][0]["uid"] == uid)
            if left != there:
                self.existing[key] = left
                if not left:
                    self.stored.pop(key, None)
                # The gateway's own plugin has gone: it is limited no more until it is written again.
                self.floor = {place: it for place, it in self.floor.items() if place[0] != key}

    @rule(name=st.sampled_from(ROUTES), parents=PARENTS, hosts=HOSTS, rules=RULES)
    def route(self, name: str, parents: list[Any], hosts: list[str], rules: list[Any]) -> None:
        self.disturbed_at = inf
        self.routes[name] = (parents, hosts, rules)

    @rule(name=st.sampled_from(ROUTES))
    def remove_route(self, name: str) -> None:
        self.disturbed_at = inf
        self.routes.pop(name, None)

    @rule(name=st.sampled_from(POLICIES), form=FORMS)
    def put(self, name: str, form: tuple[Any, ...]) -> None:
        key = (NAMESPACE, name)
        former = self.policies.get(key)
        stored = {
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "generation": 1 if former is None else former.metadata.generation + 1,
                "uid": self._uid() if former is None else former.metadata.uid,
            },
            "spec": spec_of(form),
            "status": {} if former is None else former.status,
        }
        self.policies[key] = msgspec.convert(stored, StoredPolicy)

    @rule(name=st.sampled_from(POLICIES), to=TARGETS)
    def move(self, name: str, to: tuple[Any, ...]) -> None:
        """A policy stays as it is but for its target."""
        key = (NAMESPACE, name)
        if key in self.policies:
            it = self.policies[key]
            ref = {"group": GROUP, "kind": to[0], "name": to[1]}
            if to[2] and "duration" not in json.dumps(it.spec):
                ref["sectionName"] = to[2]
            if to[0] == "HTTPRoute" and "overrides" in it.spec:
                return
            self.policies[key] = replace(
                it,
                metadata=replace(it.metadata, generation=it.metadata.generation + 1),
                spec={**it.spec, "targetRef": ref},
            )

    @rule(name=st.sampled_from(POLICIES), again=st.none() | FORMS)
    def delete(self, name: str, again: Any) -> None:
        self.policies.pop((NAMESPACE, name), None)
        if again is not None:
            self.put(name, again)

    def _world(self) -> World:
        everything = objects_of(self.gateways, self.routes)
        resource = limitador(self.limits[-1], generation=len(self.limits), observed=self.observed)
        found: dict[Key, Limitador] = {KEY: resource} if len(self.limits) > 1 else {}
        return World(
            objects=everything,
            services={(one.metadata.namespace, one.metadata.name): one for one in everything.services},
            policies=dict(self.policies),
            limitadors=found,
            existing={key: there for key, there in self.existing.items() if there},
        )

    @rule(limits=st.booleans(), gateways=st.sets(st.sampled_from(GATEWAYS)))
    def look(self, limits: bool, gateways: set[str]) -> None:
        self.decide()
        if limits:
            self.write_limits()
        for name in gateways:
            self.write_objects((NAMESPACE, name))

    def decide(self) -> None:
        one = self.operator
        world = one.accepted.of(self._world(), self.now)
        one.decision = one.decider.decide(world, known(retained=one.retention.retained))
        progress = {}
        for key, gateway in one.decision.gateways.items():
            there = self.existing.get(key, ())
            missing = {part["kind"] for part in gateway.wanted.objects if part not in there}
            progress[key] = GatewayState(
                gateway="/".join(key),
                missing=tuple(missing),
                applied=one.applied.get(key),
                awaited=gateway.lacks,
                refused=gateway.wanted.problem or "",
            )
        said = one.statuses.of(world, one.decision, progress, self.now)
        one.retention.note(
            {
                key: (it.program, RETENTION_SECONDS, it.may_be_told)
                for key, it in one.decision.gateways.items()
            },
            {},
            one.decision.present,
            one.statuses.arrivals,
            self.now,
        )
        self._lower_floor()
        self.disturbed_at = min(self.disturbed_at, self.now)
        for key, status in said.items():
            stored = self.policies[key]
            content: dict[str, Any] = {}
            if status.last_accepted is not None:
                generation, spec = status.last_accepted
                content["lastAccepted"] = {"generation": generation, "spec": spec}
            self.policies[key] = replace(stored, status=content)
            is_enforced = any((part.type, part.status) == ("Enforced", "True") for part in status.conditions)
            # Until a gateway is behind, a policy that was not edited is what it was.
            if is_enforced and self.now >= self.disturbed_at + BEHIND_SECONDS:
                event("Enforced=True, checked")
                self._check_enforced(key)
        self.said: Any = said

    def _wanted(self) -> dict[Key, GatewayProgram]:
        assert self.operator.decision
        return {(one.namespace, one.name): one for one in self.operator.decision.compilation.programs}

    def _lower_floor(self) -> None:
        wanted = self._wanted()
        for place in list(self.floor):
            key, number = place
            now = {s for _, one in met(wanted.get(key), *PROBES[number]) for s in one.sources}
            self.floor[place] &= now

    def _check_enforced(self, policy: Key) -> None:
        assert self.operator.decision
        name = "/".join(policy)
        facts = next(one for one in self.operator.decision.compilation.policies if one.policy.key == name)
        wanted = self._wanted()
        limits = self.operator.decision.compilation.limits
        assert facts.gateways
        for gateway in facts.gateways:
            key = (NAMESPACE, gateway.partition("/")[2])
            for probe in PROBES:
                ask = {what for what, one in met(wanted[key], *probe) if name in one.sources}
                got = {what for what, one in met(self.running.get(key), *probe) if name in one.sources}
                assert ask <= got, (name, key, probe)
                for what in ask:
                    held = {(one.identity, one.max_value) for one in self._held() if what in asked_for([one])}
                    want = {(one.identity, one.max_value) for one in limits if what in asked_for([one])}
                    assert want == held, name

    def write_limits(self) -> None:
        assert self.operator.decision is not None
        if self.operator.decision.limits != self.limits[-1] or len(self.limits) == 1:
            self.limits.append(self.operator.decision.limits)

    def write_objects(self, key: Key) -> None:
        assert self.operator.decision is not None
        gateway = self.operator.decision.gateways.get(key)
        if gateway is None or gateway.awaited or gateway.wanted.problem:
            return
        obsolete = {part["metadata"]["name"] for part in gateway.obsolete}
        self.existing[key] = gateway.objects or tuple(
            part for part in self.existing.get(key, ()) if part["metadata"]["name"] not in obsolete
        )
        self.operator.applied[key] = gateway.wanted
        if gateway.program is not None:
            self.stored[key] = gateway.program
        elif not self.existing[key]:
            self.stored.pop(key, None)

    @rule()
    def come_to_rest(self) -> None:
        self.collect()
        for _ in range(4):
            self.decide()
            self.write_limits()
            self.observe(0)
            self.decide()
            for name in GATEWAYS:
                self.write_objects((NAMESPACE, name))
            self.take()
            self.wait(TAKE_SECONDS)
        self.decide()
        self._check_rest()

    @rule()
    def come_to_long_rest(self) -> None:
        self.come_to_rest()
        for _ in range(3):
            self.wait(RETENTION_SECONDS)
            self.come_to_rest()
        assert self.operator.decision is not None
        assert {*self._held()} == {*self.operator.decision.compilation.limits}

    def _check_rest(self) -> None:
        decision = self.operator.decision
        assert decision
        for key, program in self._wanted().items():
            for probe in PROBES:
                assert dict(met(program, *probe)) == dict(met(self.running.get(key), *probe)), (key, probe)
        for facts in decision.compilation.policies:
            said = {one.type: one.status for one in self.said[NAMESPACE, facts.policy.name].conditions}
            if facts.gateways and said["Accepted"] == "True":
                assert said["Enforced"] == "True"

    @rule()
    def restart(self) -> None:
        self.operator = Operator()

    @rule(back=st.integers(0, 2))
    def serve(self, back: int) -> None:
        self.observe(back)

    def observe(self, back: int) -> None:
        self.observed = max(self.observed, len(self.limits) - back)

    @rule()
    def take_now(self) -> None:
        self.take()

    def take(self) -> None:
        for name in self.gateways:
            key = (NAMESPACE, name)
            self.running[key] = self.stored.get(key) if self.existing.get(key) else None
            for number, probe in enumerate(PROBES):
                meets = frozenset(s for _, one in met(self.running[key], *probe) for s in one.sources)
                if self.operator.decision is None:
                    continue
                wanted = frozenset(s for _, one in met(self._wanted().get(key), *probe) for s in one.sources)
                self.floor[key, number] = self.floor.get((key, number), frozenset()) | (meets & wanted)

    @rule(seconds=st.sampled_from([0.5, TAKE_SECONDS, BEHIND_SECONDS, RETENTION_SECONDS, 3600.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        if seconds >= TAKE_SECONDS:
            self.take()

    def _held(self) -> tuple[Limit, ...]:
        return self.limits[self.observed - 1] if self.observed else ()

    @invariant()
    def no_gateway_asks_for_what_is_not_held(self) -> None:
        for program in getattr(self, "running", {}).values():
            if program is not None:
                asked = {what for rule_ in rules_of(program) for what, _ in asks(rule_)}
                assert asked <= asked_for(self._held())

    @invariant()
    def what_was_limited_stays_limited(self) -> None:
        for (key, number), least in getattr(self, "floor", {}).items():
            meets = {s for _, one in met(self.running.get(key), *PROBES[number]) for s in one.sources}
            assert least <= meets, (key, PROBES[number])


AnyTarget.TestCase.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestAnyTarget = pytest.mark.slow(AnyTarget.TestCase)
