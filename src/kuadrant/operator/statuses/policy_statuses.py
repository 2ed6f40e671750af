"""Says in each policy's status whether it is accepted and enforced, from what became of a decision."""

from __future__ import annotations

from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from kuadrant.api.meta import Condition
from kuadrant.incremental import are, kept
from kuadrant.operator.core.times import BEHIND_SECONDS
from kuadrant.operator.core.version_arrivals import Arrivals
from kuadrant.operator.statuses.kuadrant_status import missing_dependencies
from kuadrant.operator.statuses.limits_not_held_status import (
    with_answers_not_given,
    with_limits_not_held,
)
from kuadrant.operator.statuses.remarks import remarks
from kuadrant.status import (
    ACKNOWLEDGED,
    WARNINGS,
    AskedSince,
    Behind,
    EnforcementEvidence,
    Lost,
    PolicyStatus,
    evidence,
    merged_conditions,
    policy_status,
    with_acknowledgement,
    with_warnings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.api.rate_limit_policy import RateLimitPolicy
    from kuadrant.compiler import PolicyFacts
    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.world import Standing, World
    from kuadrant.policy.model import Problem
    from kuadrant.status import GatewayState


class PolicyStatuses:
    """Makes the status of every policy; what does not change stays the same instance.

    The edit of one policy says nothing of the others on its gateways: a policy is enforced where its gateways
    are known to have what it asks for, whatever they are to get for others.

    Attributes:
        arrivals: the versions that gateways are known to have.
    """

    def __init__(self) -> None:
        self.arrivals = Arrivals()
        self._statuses: dict[Key, tuple[PolicyFacts, RateLimitPolicy | None, object, PolicyStatus]] = {}
        self._asked = AskedSince()
        self._behind = Behind(BEHIND_SECONDS)
        self._lost = Lost(BEHIND_SECONDS)
        self._due: float | None = None
        self._made_from: tuple[object, ...] = ()
        self._rest: tuple[object, ...] = ()
        self._result: Mapping[Key, PolicyStatus] = {}

    @property
    def due(self) -> float | None:
        """The time at which more is to be said, unless the gateways that are behind have come up."""
        return self._due

    def of(
        self,
        world: World,
        decision: Decision,
        states: Mapping[Key, GatewayState],
        now: float,
        by_routes: Mapping[str, tuple[Problem, ...]] = MappingProxyType({}),
    ) -> Mapping[Key, PolicyStatus]:
        """Return the statuses of all policies, by namespace and name, whether accepted or not.

        Args:
            world: what there is.
            decision: what there has to be.
            states: how each gateway stands to that.
            now: the time, in seconds of a clock that does not go back.
            by_routes: what the routes to each policy tell of it, by ``namespace/name``.
        """
        self.arrivals.note(decision.gateways, states, now)
        known = self._known(world, decision, states, now)
        self._due = self._next_due(decision, now)
        made_from = (decision.compilation.policies, world.objects.rate_limit_policies, world.standings)
        rest = (known, decision.not_held, decision.not_told, decision.unnamed, by_routes)
        if are(self._made_from, made_from) and self._rest == rest:
            return self._result
        self._made_from, self._rest = made_from, rest
        self._note_asked(decision)
        written = _by_key(world)
        statuses: dict[Key, tuple[PolicyFacts, RateLimitPolicy | None, object, PolicyStatus]] = {}
        for facts in decision.compilation.policies:
            key = (facts.policy.namespace, facts.policy.name)
            proof = known.of(facts, self._asked.since(facts))
            silent = known.silent.intersection(facts.gateways)
            last, policy = self._statuses.get(key), written.get(key)
            found = by_routes.get(facts.policy.key, ())
            reasons = (proof, silent, found)
            if last is None or not are(last[:2], (facts, policy)) or last[2] != reasons:
                status = with_acknowledgement(policy_status(facts, proof), facts, silent)
                status = with_warnings(status, remarks(facts, policy, found))
                last = (facts, policy, reasons, kept(last[3] if last else None, status))
            statuses[key] = last
        self._statuses = statuses
        told = {key: self._told(key, status, decision) for key, (*_, status) in statuses.items()}
        return self._with_standings(world, told)

    def _known(
        self, world: World, decision: Decision, states: Mapping[Key, GatewayState], now: float
    ) -> EnforcementEvidence:
        """Return what is known of all gateways now."""
        ours = _limited(decision, states)
        gateways = evidence(ours, installed=decision.installed, missing=missing_dependencies(world))
        taken = {"/".join(key): self.arrivals.of(key).taken(now) for key in decision.gateways}
        unheld = {"/".join(key): one.unheld for key, one in decision.gateways.items() if one.unheld}
        return EnforcementEvidence(
            gateways=gateways,
            silent=frozenset(state.gateway for state in ours if state.wanted is None),
            taken=taken,
            behind=self._behind.of(gateways, taken, now),
            withheld={"/".join(key): one.withheld for key, one in decision.gateways.items() if one.withheld},
            unheld=unheld,
            lost=self._lost.of(unheld.values(), now),
        )

    def _told(self, key: Key, status: PolicyStatus, decision: Decision) -> PolicyStatus:
        """Return a status with what the rate limit service says of the policy's limits, and clients miss."""
        name = "/".join(key)
        status = with_limits_not_held(status, decision.not_held.get(name), unnamed=decision.unnamed)
        status = with_answers_not_given(status, decision.not_told.get(name))
        return kept(self._result.get(key), status)

    def _with_standings(self, world: World, statuses: dict[Key, PolicyStatus]) -> Mapping[Key, PolicyStatus]:
        """Return ``statuses`` with what is to be said of forms that are not accepted."""
        for key, standing in world.standings.items():
            status = standing_status(key, standing, statuses.get(key))
            statuses[key] = kept(self._result.get(key), status)
        if not are((*self._result.values(),), (*statuses.values(),)):
            self._result = statuses
        return self._result

    def _next_due(self, decision: Decision, now: float) -> float | None:
        dues = (
            *self._behind.dues(now),
            *self._lost.dues(now),
            *(self.arrivals.of(key).next_taken_at(now) for key in decision.gateways),
        )
        due = min(dues, default=inf)
        return due if due < inf else None

    def _note_asked(self, decision: Decision) -> None:
        gateways = {"/".join(key): (self.arrivals.of(key), one) for key, one in decision.gateways.items()}

        def told(gateway: str, policy: str) -> int | None:
            if gateway not in gateways:
                return None
            arrivals, one = gateways[gateway]
            is_staged = one.waiting is not None and policy not in one.waiting
            return arrivals.version if is_staged and policy not in one.unheld else None

        self._asked.note(decision.compilation.policies, told)


def _by_key(world: World) -> dict[Key, RateLimitPolicy]:
    """The policies that are in effect, by namespace and name."""
    return {(one.metadata.namespace, one.metadata.name): one for one in world.objects.rate_limit_policies}


def _limited(decision: Decision, states: Mapping[Key, GatewayState]) -> list[GatewayState]:
    """Return the gateways that can be limited, or of which it is known why not."""
    return [
        states[key]
        for key, one in decision.gateways.items()
        if one.provider is not None or one.wanted.problem
    ]


def standing_status(key: Key, standing: Standing, of_form: PolicyStatus | None) -> PolicyStatus:
    """Return the status of a policy that stands so.

    Args:
        key: the policy.
        standing: whether its stored form is accepted, and which is in effect.
        of_form: the status of the form that is in effect, if there is one.
    """
    remembered = None
    if standing.generation is not None and standing.spec:
        remembered = (standing.generation, standing.spec)
    if of_form is not None and not standing.problem:
        return replace(of_form, last_accepted=remembered)
    if of_form is None or standing.generation is None:
        consequence = "this policy limits nothing"
    elif any(one.type == "Enforced" and one.status == "True" for one in of_form.conditions):
        consequence = f"requests are limited as generation {standing.generation} of this policy says"
    else:
        consequence = (
            f"what generation {standing.generation} of this policy says stays, and is not enforced now"
        )
    message = f"RateLimitPolicy cannot be carried out: {standing.problem}; {consequence}"
    accepted = Condition(type="Accepted", status="False", reason="Invalid", message=message)
    return PolicyStatus(*key, (accepted,), waiting=standing.waits, last_accepted=remembered)


REMEMBERED: Final = "lastAccepted"
"""The field of a policy's status that carries the form in effect over a restart."""


def status_content(
    existing: Mapping[str, Any], status: PolicyStatus, *, generation: int, now: str, remembers: bool
) -> dict[str, Any]:
    """Return the status of a policy as it is applied.

    Args:
        existing: the status that the API server has.
        status: what is to be said.
        generation: that of the policy which it is about.
        now: the time, in the form of conditions.
        remembers: the definition of the kind is known to have the field lastAccepted. Kuadrant's own does
            not.
    """
    content: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": merged_conditions(
            existing.get("conditions") or (),
            status.conditions,
            ours={"Accepted", "Enforced", ACKNOWLEDGED, WARNINGS},
            generation=generation,
            now=now,
        ),
    }
    if status.last_accepted is not None and (remembers or REMEMBERED in existing):
        accepted, spec = status.last_accepted
        content[REMEMBERED] = {"generation": accepted, "spec": spec}
    return {"status": content}
