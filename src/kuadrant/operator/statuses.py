"""What is to be said of policies and of the Kuadrant, from a decision and from what became of it; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kuadrant.api.meta import Condition
from kuadrant.gateways.limitador import NAME
from kuadrant.gateways.providers import PROVIDERS
from kuadrant.operator.decision import MODULE, PUSH, is_ready, oldest
from kuadrant.operator.kinds import GATEWAYS
from kuadrant.operator.memo import are, kept
from kuadrant.operator.taking import Taking
from kuadrant.status import (
    ACKNOWLEDGED,
    Content,
    Evidence,
    GatewayReport,
    GatewayState,
    Installation,
    PodState,
    PolicyStatus,
    awaited_parts,
    evidence,
    kuadrant_condition,
    merged_conditions,
    pod_lines,
    policy_status,
    with_acknowledgement,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.compiler import PolicyFacts
    from kuadrant.kube.kind import Key
    from kuadrant.operator.decision import Decision, GatewayDecision
    from kuadrant.operator.world import World


class Progress(Struct, frozen=True, kw_only=True):
    """What became of the objects of one gateway.

    ``missing`` are the kinds of those that are not in the cluster as they are wanted. The provider has ``accepted`` all of them;
    ``refused`` are the words of the API server or of the provider for one that it does not take. ``wanted`` and ``pods`` are
    those of ``GatewayState``.
    """

    missing: tuple[str, ...] = ()
    accepted: bool = True
    refused: str = ""
    wanted: dict[str, Content] | None = None
    pods: tuple[PodState, ...] = ()


STAYS: Final = 5.0
"""Seconds for which a policy that did not change is what it was while its gateways get something new for others."""


class PolicyStatuses:
    """Says what is to be said of every policy; what does not change is the same instance as before."""

    def __init__(self) -> None:
        self._statuses: dict[Key, tuple[PolicyFacts, _Proof, PolicyStatus]] = {}
        self._behind: dict[str, float] = {}
        self._taking = Taking()
        self._due: float | None = None
        self._made_from: tuple[object, ...] = ()
        self._rest: tuple[object, ...] = ()
        self._result: Mapping[Key, PolicyStatus] = {}

    @property
    def due(self) -> float | None:
        """When to look again: more is to be said then, unless the gateways that are behind have come up."""
        return self._due

    def of(
        self, world: World, decision: Decision, progress: Mapping[Key, Progress], now: float
    ) -> Mapping[Key, PolicyStatus]:
        """Return the statuses of all policies, by namespace and name, the unreadable ones among them.

        The edit of one policy says nothing of the others on its gateways: the gateway has what they ask for, and gets it again.
        A gateway that does not say what it runs is given the time to take what is new.
        """
        policies = decision.compilation.policies
        states = tuple(
            _state(key, one, progress.get(key, Progress()))
            for key, one in decision.gateways.items()
            if one.provider is not None or one.wanted.problem
        )
        everything = evidence(states, installed=decision.installed, missing=missing_dependencies(world))
        self._behind = {
            name: self._behind.get(name, now)
            for name, parts in everything.awaited.items()
            if parts and name not in everything.refused
        }
        for_a_moment = {name for name, since in self._behind.items() if now - since < STAYS}
        silent = frozenset(state.gateway for state in states if state.wanted is None)
        behind = silent.intersection(state.gateway for state in states if state.missing)
        taking = self._taking.of(policies, behind, now)
        dues = (self._taking.due, *(self._behind[name] + STAYS for name in for_a_moment))
        self._due = min((due for due in dues if due is not None), default=None)
        made_from = (policies, world.unreadable, world.policies if world.unreadable else None)
        rest = (everything, silent, for_a_moment, taking)
        if are(self._made_from, made_from) and self._rest == rest:
            return self._result
        self._made_from, self._rest = made_from, rest
        statuses: dict[Key, tuple[PolicyFacts, _Proof, PolicyStatus]] = {}
        not_taken = _without(silent, everything)
        proofs: dict[tuple[tuple[str, ...], bool], _Proof] = {}
        for facts in policies:
            key = (facts.policy.namespace, facts.policy.name)
            is_taken = key not in taking
            known = everything if is_taken else not_taken
            if (facts.gateways, is_taken) not in proofs:
                proofs[facts.gateways, is_taken] = _proof(facts.gateways, known, silent)
            proof = proofs[facts.gateways, is_taken]
            last = self._statuses.get(key)
            if (
                last is None
                or last[0] is not facts
                or (last[1] != proof and for_a_moment.isdisjoint(facts.gateways))
            ):
                status = with_acknowledgement(policy_status(facts, known), facts, silent)
                status = kept(last[2] if last else None, status)
                last = (facts, proof, status)
            statuses[key] = last
        self._statuses = statuses
        unreadable = {
            key: unreadable_status(key, problem, in_effect=key in statuses)
            for key, problem in world.unreadable.items()
            if key in world.policies
        }
        result = {**{key: status for key, (_, _, status) in statuses.items()}, **unreadable}
        if not are((*self._result.values(),), (*result.values(),)):
            self._result = result
        return self._result


_Proof = tuple[object, ...]


def _proof(gateways: tuple[str, ...], everything: Evidence, silent: frozenset[str]) -> _Proof:
    """What of all evidence is about ``gateways``."""
    acknowledged, refused, awaited = everything.acknowledged, everything.refused, everything.awaited
    return (
        everything.installed,
        everything.missing,
        *((name in acknowledged, refused.get(name), awaited.get(name), name in silent) for name in gateways),
    )


def _without(silent: frozenset[str], everything: Evidence) -> Evidence:
    """The same without what is taken from the objects of the gateways that say nothing themselves."""
    awaited = {name: everything.awaited[name] or (f"Gateway ({name})",) for name in silent}
    return replace(
        everything,
        acknowledged=everything.acknowledged - silent,
        awaited={**everything.awaited, **awaited},
    )


def _state(key: Key, decision: GatewayDecision, progress: Progress) -> GatewayState:
    return GatewayState(
        gateway="/".join(key),
        missing=progress.missing,
        module=MODULE not in decision.awaited,
        push=PUSH not in decision.awaited,
        limits=decision.held,
        accepted=progress.accepted,
        refused=decision.wanted.problem or progress.refused,
        wanted=progress.wanted,
        pods=progress.pods,
    )


def gateway_report(
    key: Key, decision: GatewayDecision, progress: Progress, sha256: str, pods: tuple[PodState, ...]
) -> GatewayReport:
    """What is known of one gateway, which has ``pods``; ``sha256`` is that of the module that it is to have."""
    state = _state(key, decision, progress)
    # What a gateway that pulls is configured with is in its objects, and nobody says whether it has taken them.
    wanted = progress.wanted if progress.wanted is not None else {"": Content(sha256, "")}
    limited = bool(decision.wanted.objects) or decision.wanted.problem is not None
    return GatewayReport(
        gateway="/".join(key),
        provider="" if decision.provider is None else decision.provider.NAME,
        delivery="push" if decision.wanted.pushed else "pull",
        limited=limited,
        awaited=tuple(awaited_parts(state)) if limited and not state.refused else (),
        problem=state.refused,
        pods=pod_lines(wanted, pods),
    )


def unreadable_status(key: Key, problem: str, *, in_effect: bool) -> PolicyStatus:
    """What is to be said of a policy that cannot be read; its last good form may be ``in_effect``."""
    message = f"RateLimitPolicy cannot be read: {problem}"
    if in_effect:
        message += "; what it was before stays in effect"
    accepted = Condition(type="Accepted", status="False", reason="Invalid", message=message)
    return PolicyStatus(*key, (accepted,))


def status_content(
    existing: Mapping[str, Any], status: PolicyStatus, *, generation: int, now: str
) -> dict[str, Any]:
    """The status of a policy as it is applied; ``existing`` is what the API server has."""
    return {
        "status": {
            "observedGeneration": generation,
            "conditions": merged_conditions(
                existing.get("conditions") or (),
                status.conditions,
                ours={"Accepted", "Enforced", ACKNOWLEDGED},
                generation=generation,
                now=now,
            ),
        }
    }


def missing_dependencies(world: World) -> tuple[str, ...]:
    """What the cluster has to have before any policy can be in effect, and does not have."""
    has_provider = any(all(kind.name in world.served for kind in one.KINDS) for one in PROVIDERS)
    return (
        *(() if GATEWAYS.name in world.served else ("Gateway API",)),
        *(() if has_provider else ("Gateway API provider (istio / envoy gateway)",)),
    )


def kuadrant_status(world: World, decision: Decision, failure: str) -> Condition:
    """What is to be said of the Kuadrant; ``failure`` is why something could not be written, if so."""
    kuadrant = oldest(world.objects.kuadrants)
    resource = None if kuadrant is None else world.limitadors.get((kuadrant.metadata.namespace, NAME))
    if resource is None:
        service = "limitador resource not in topology"
    elif not is_ready(resource):
        service = "the rate limit service has not taken the limits yet"
    else:
        service = ""
    return kuadrant_condition(
        Installation(
            missing=missing_dependencies(world),
            limitador=service,
            failure=failure or decision.limitador.problem or decision.module_pending,
        )
    )


def kuadrant_content(
    existing: tuple[Condition, ...], condition: Condition, *, generation: int, now: str
) -> dict[str, Any]:
    """The status of the Kuadrant as it is applied; ``existing`` are the conditions that the API server has."""
    return {
        "status": {
            "observedGeneration": generation,
            "conditions": merged_conditions(
                [msgspec.to_builtins(one) for one in existing],
                [condition],
                ours={"Ready"},
                generation=generation,
                now=now,
            ),
        }
    }
