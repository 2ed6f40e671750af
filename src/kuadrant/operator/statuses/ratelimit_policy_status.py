"""Says in each policy's status whether it is accepted and enforced, from what became of a decision."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec.structs import replace

from kuadrant.api.meta import Condition
from kuadrant.incremental import are, kept
from kuadrant.operator.core.arrivals import Arrivals
from kuadrant.operator.core.times import BEHIND_SECONDS
from kuadrant.operator.statuses.kuadrant_status import missing_dependencies
from kuadrant.operator.statuses.limits_not_held_status import with_limits_not_held
from kuadrant.status import (
    ACKNOWLEDGED,
    WARNINGS,
    Evidence,
    Part,
    PolicyStatus,
    evidence,
    merged_conditions,
    policy_status,
    with_acknowledgement,
    with_warnings,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from kuadrant.compiler import PolicyFacts
    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.world import Standing, World
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
        self._statuses: dict[Key, tuple[PolicyFacts, _Proof, PolicyStatus]] = {}
        self._behind = _Behind()
        self._asked_since: dict[Key, tuple[PolicyFacts, dict[str, int]]] = {}
        self._unheld_since: dict[str, float] = {}
        self._due: float | None = None
        self._made_from: tuple[object, ...] = ()
        self._rest: tuple[object, ...] = ()
        self._result: Mapping[Key, PolicyStatus] = {}

    @property
    def due(self) -> float | None:
        """The time at which more is to be said, unless the gateways that are behind have come up."""
        return self._due

    def of(
        self, world: World, decision: Decision, states: Mapping[Key, GatewayState], now: float
    ) -> Mapping[Key, PolicyStatus]:
        """Return the statuses of all policies, by namespace and name, whether accepted or not."""
        self.arrivals.note(decision.gateways, states, now)
        ours = _limited(decision, states)
        everything = evidence(ours, installed=decision.installed, missing=missing_dependencies(world))
        taken = {"/".join(key): self.arrivals.of(key).taken(now) for key in decision.gateways}
        behind = self._behind.of(everything, taken, now)
        silent = frozenset(state.gateway for state in ours if state.wanted is None)
        unheld = {"/".join(key): one.unheld for key, one in decision.gateways.items() if one.unheld}
        lost = self._lost(unheld, now)
        self._due = self._next_due(decision, now)
        made_from = (decision.compilation.policies, world.standings)
        withheld = {"/".join(key): one.withheld for key, one in decision.gateways.items() if one.withheld}
        limits = (unheld, lost, withheld, decision.not_held, decision.unnamed)
        rest = (everything, silent, behind, taken, limits)
        if are(self._made_from, made_from) and self._rest == rest:
            return self._result
        self._made_from, self._rest = made_from, rest
        self._note_asked(decision.compilation.policies, decision)
        statuses: dict[Key, tuple[PolicyFacts, _Proof, PolicyStatus]] = {}
        for facts in decision.compilation.policies:
            key = (facts.policy.namespace, facts.policy.name)
            since = self._asked_since[key][1]
            has: tuple[_Has, ...] = tuple(
                "part"
                if facts.policy.key in withheld.get(name, ())
                else _has(
                    since.get(name),
                    taken.get(name, 0),
                    is_behind=name in behind,
                    is_unheld=facts.policy.key in unheld.get(name, ()),
                    is_lost=facts.policy.key in lost,
                )
                for name in facts.gateways
            )
            words = tuple(withheld.get(name, {}).get(facts.policy.key, "") for name in facts.gateways)
            proof = (*_proof(facts.gateways, everything, silent, has), words)
            last = self._statuses.get(key)
            if last is None or last[0] is not facts or last[1] != proof:
                known = _about(facts.gateways, everything, has, words)
                status = with_acknowledgement(policy_status(facts, known), facts, silent)
                last = (facts, proof, kept(last[2] if last else None, with_warnings(status, facts)))
            statuses[key] = last
        self._statuses = statuses
        told = {key: self._told(key, status, decision) for key, (_, _, status) in statuses.items()}
        return self._with_standings(world, told)

    def _told(self, key: Key, status: PolicyStatus, decision: Decision) -> PolicyStatus:
        """Return a status with what the rate limit service says of the policy's limits."""
        words = decision.not_held.get("/".join(key))
        return kept(self._result.get(key), with_limits_not_held(status, words, unnamed=decision.unnamed))

    def _with_standings(self, world: World, statuses: dict[Key, PolicyStatus]) -> Mapping[Key, PolicyStatus]:
        """Return ``statuses`` with what is to be said of forms that are not accepted."""
        for key, standing in world.standings.items():
            status = standing_status(key, standing, statuses.get(key))
            statuses[key] = kept(self._result.get(key), status)
        if not are((*self._result.values(),), (*statuses.values(),)):
            self._result = statuses
        return self._result

    def _lost(self, unheld: Mapping[str, Collection[str]], now: float) -> set[str]:
        """Return the policies whose limits have not been held for too long to be on their way."""
        self._unheld_since = {
            policy: self._unheld_since.get(policy, now) for policies in unheld.values() for policy in policies
        }
        return {policy for policy, since in self._unheld_since.items() if now - since >= BEHIND_SECONDS}

    def _next_due(self, decision: Decision, now: float) -> float | None:
        dues = (
            *self._behind.dues(now),
            *(due for since in self._unheld_since.values() if (due := since + BEHIND_SECONDS) > now),
            *(self.arrivals.of(key).next_taken_at(now) for key in decision.gateways),
        )
        due = min(dues, default=inf)
        return due if due < inf else None

    def _note_asked(self, policies: tuple[PolicyFacts, ...], decision: Decision) -> None:
        """Remember with which version of each gateway a policy came to be as it is."""
        gateways = {"/".join(key): (key, one) for key, one in decision.gateways.items()}
        former, self._asked_since = self._asked_since, {}
        for facts in policies:
            key = (facts.policy.namespace, facts.policy.name)
            last = former.get(key)
            since = last[1] if last is not None and last[0] is facts else {}
            for name in facts.gateways:
                if name in since or name not in gateways:
                    continue
                gateway, one = gateways[name]
                is_staged = one.waiting is not None and facts.policy.key not in one.waiting
                if is_staged and facts.policy.key not in one.unheld:
                    since[name] = self.arrivals.of(gateway).version
            self._asked_since[key] = (facts, since)


def _limited(decision: Decision, states: Mapping[Key, GatewayState]) -> list[GatewayState]:
    """Return the gateways that can be limited, or of which it is known why not."""
    return [
        states[key]
        for key, one in decision.gateways.items()
        if one.provider is not None or one.wanted.problem
    ]


_Proof = tuple[object, ...]
_Has = Literal["yes", "no", "limits", "part"]
"""An answer to whether a gateway has what a policy asks for.

``limits`` are missing before anything else can be, or it gets only a ``part``.
"""


def _has(since: int | None, taken: int, *, is_behind: bool, is_unheld: bool, is_lost: bool) -> _Has:
    """Tell whether a gateway has what a policy asks for, and goes on having it.

    Args:
        since: the version of the gateway that first had it; None if none does.
        taken: the version that requests meet.
        is_behind: the gateway has been without something for too long.
        is_unheld: the rate limit service may be without one of the limits for a moment.
        is_lost: it has been without one for long.
    """
    if is_unheld and (since is None or is_lost or is_behind):
        return "limits"
    return "yes" if since is not None and since <= taken and not is_behind else "no"


class _Behind:
    """Tells which gateways have been without something for too long, and nothing arrived meanwhile."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._taken: Mapping[str, int] = {}

    def of(self, everything: Evidence, taken: Mapping[str, int], now: float) -> frozenset[str]:
        """Return the gateways that are behind.

        One that refuses something is among them at once, and until it has taken something again.
        """
        former, self._taken = self._taken, taken
        self._since = {
            name: self._since.get(name, now) if taken.get(name) == former.get(name) else now
            for name, parts in everything.awaited.items()
            if parts and name not in everything.refused
        } | dict.fromkeys(everything.refused, -inf)
        late = {name for name, since in self._since.items() if now - since >= BEHIND_SECONDS}
        return frozenset(late)

    def dues(self, now: float) -> Iterator[float]:
        """Yield when a gateway will have been without something for too long."""
        return (due for since in self._since.values() if (due := since + BEHIND_SECONDS) > now)


def _proof(
    gateways: tuple[str, ...], everything: Evidence, silent: frozenset[str], has: tuple[_Has, ...]
) -> _Proof:
    """Return what of all evidence is about these gateways."""
    refused, awaited = everything.refused, everything.awaited
    return (
        everything.installed,
        everything.missing,
        *(
            (it, refused.get(name), awaited.get(name) if it != "yes" else None, name in silent)
            for name, it in zip(gateways, has, strict=True)
        ),
    )


def _about(
    gateways: tuple[str, ...], everything: Evidence, has: tuple[_Has, ...], words: tuple[str, ...]
) -> Evidence:
    """Return the evidence for one policy, which its gateways have or do not have.

    ``words`` say of each gateway why it gets only a part.
    """
    awaited: dict[str, tuple[str, ...]] = {}
    acknowledged: set[str] = set()
    refused = dict(everything.refused)
    for name, it, why in zip(gateways, has, words, strict=True):
        parts = everything.awaited.get(name, ())
        if it == "part":
            refused.setdefault(name, why)
        elif it == "yes" and name not in everything.refused:
            acknowledged.add(name)
        elif it == "limits" and Part.LIMITS not in parts:
            awaited[name] = (Part.LIMITS, *parts)
        else:
            awaited[name] = parts or (Part.GATEWAY.of(name),)
    return replace(everything, acknowledged=frozenset(acknowledged), awaited=awaited, refused=refused)


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
