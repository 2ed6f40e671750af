"""A decision with everything that it came from: :func:`explain`.

The decision itself is that of :func:`kuadrant.reference_model.decide`; what is told of the way to it is found
with the same primitives, and held to it by tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, structs

from kuadrant.api.limit_keys import hits_key
from kuadrant.api.limit_scope import CLUSTER, GATEWAY, Scope
from kuadrant.compiler.program import HostProgram
from kuadrant.explanation.answer_shown import shown
from kuadrant.explanation.client_answer import client
from kuadrant.explanation.clock import standing_bounds, with_known, without_clock
from kuadrant.explanation.knowledge import Knowledge
from kuadrant.explanation.known_services import NOTHING_KNOWN, KnownServices
from kuadrant.explanation.limit_trace import LimitTracer
from kuadrant.explanation.listener_record import TracedListener
from kuadrant.explanation.masked_values import MASK
from kuadrant.explanation.origins import Origins
from kuadrant.explanation.policies_on_path import elsewhere, on_path
from kuadrant.explanation.record import Asked, CounterStanding, Explanation, Seen
from kuadrant.explanation.routing_trace import hosts, looked_at
from kuadrant.explanation.unknown_facts import CLOCK
from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE
from kuadrant.policy.identifiers import descriptor_entry, limit_condition
from kuadrant.policy.policy_precedence import merge
from kuadrant.reference_model import Counters, Expressions, Request, RequestDecision, decide
from kuadrant.reference_model.counters import Standing
from kuadrant.reference_model.identity import identified, source_of
from kuadrant.reference_model.preflight import is_exempt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kuadrant.compiler.program import GatewayProgram, RuleProgram
    from kuadrant.explanation.record import Client, Fact, OnPath, TracedLimit, TracedRule
    from kuadrant.policy.failure_mode import FailureMode


class Explained(Struct, frozen=True, gc=False):
    """A decision, and how it came about.

    Of an unknown outcome the decision is the one that there is if the limits that are not known do not
    apply; where not even the rule is known, there is none.
    """

    explanation: Explanation
    decision: RequestDecision | None
    counters: Counters


def explain(
    program: GatewayProgram,
    request: Request,
    counters: Counters,
    now: float,
    *,
    origins: Origins | None = None,
    knowledge: Knowledge | None = None,
    failure_mode: FailureMode = DEFAULT_FAILURE_MODE,
) -> Explained:
    """Return what the gateway of ``program`` does with ``request``, and why; else as ``decide``.

    ``origins`` tell where things are written, ``knowledge`` what is not known of the request and what is
    not to be shown.

    Raises:
        ValueError: The gateway has no listener at the request's port.
    """
    trace = Trace(program, request, origins or Origins(), knowledge or Knowledge())
    return trace.explained(counters, now, failure_mode)


class Trace:
    """Follows one request on its way, before anybody is asked."""

    def __init__(
        self,
        program: GatewayProgram,
        request: Request,
        origins: Origins,
        knowledge: Knowledge,
        *,
        own_router: bool = True,
        services: KnownServices = NOTHING_KNOWN,
    ) -> None:
        self._program, self._request, self._own_router = program, request, own_router
        self._services = services
        self._origins, self._knowledge = origins, knowledge
        self._listener = program.listener(request.port)
        self._host, self._hosts = hosts(self._listener, request)
        self._serving = ""
        self._looked_at: tuple[TracedRule, ...] = ()
        self._rule: RuleProgram | None = None
        self._limits: tuple[TracedLimit, ...] = ()
        self._policies: tuple[OnPath, ...] = ()
        self._missing: dict[Fact, None] = {}
        self._follow()

    def _follow(self) -> None:
        if self._host is None:
            return
        gateway = f"{self._program.namespace}/{self._program.name}"
        known = self._origins.of_rules(gateway, self._listener.port, self._host.hostname)
        tried = [*looked_at(self._host, self._request, self._knowledge, known, self._origins)]
        self._looked_at = tuple(rule for _, rule in tried)
        if not tried or (failing := tried[-1][1].failing) is not None:
            if tried and failing is not None and failing.unknown:
                header = failing.part.removeprefix("header ")
                self._missing.update(dict.fromkeys(self._knowledge.missing([("request", "headers", header)])))
            return
        self._rule = tried[-1][0]
        origin = known.get(id(self._rule))
        self._serving = origin.listener if origin else self._serving
        source = source_of(self._rule.actions)
        seen = identified(self._request, source)
        knowledge = self._knowledge.knowing(source, seen)
        tracer = LimitTracer(seen, Expressions(seen), knowledge, self._origins)
        policies = origin.policies if origin else ()
        effective = merge(policies)
        entries = effective.limits if effective else ()
        self._limits = tuple(tracer.limits(self._rule, entries, policies))
        is_preflight = is_exempt(self._rule, self._request)
        if is_preflight:
            self._limits = tuple(map(_exempt, self._limits))
        self._policies = (
            *on_path(policies, effective, self._origins),
            *elsewhere(self._origins, gateway, origin),
        )
        self._missing.update({} if is_preflight else tracer.missing)

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that the rate limit service may be asked for."""
        return frozenset(action.scope for action in self._rule.actions) if self._rule else frozenset()

    def unknown(self, failure_mode: FailureMode) -> tuple[Fact, ...]:
        """Return the facts that are not known and that the decision depends on; none if it is known."""
        return tuple(self._missing) if self._is_unknown(failure_mode) else ()

    def decided(self, counters: Counters, now: float, failure_mode: FailureMode) -> RequestDecision | None:
        """Return what is decided; None if not even the rule is known."""
        if self._missing and self._rule is None:
            return None
        program = self._without_unknown() if self._is_unknown(failure_mode) else self._program
        decision = decide(program, self._request, counters, now, failure_mode=failure_mode)
        return without_clock(decision) if self._knowledge.knows_clock else decision

    def explained(self, counters: Counters, now: float, failure_mode: FailureMode) -> Explained:
        """Return what is decided, and all that leads to it."""
        decision = self.decided(counters, now, failure_mode)
        if decision is None:
            return Explained(self._record(), None, counters)
        missing = self.unknown(failure_mode)
        if decision.doubt is not None and decision.doubt.verdict:
            missing = (*missing, CLOCK)
        explanation = structs.replace(
            self._record(),
            outcome="unknown" if missing else decision.outcome,
            otherwise=decision.outcome if missing else None,
            limits=tuple(self._with_standings(decision)),
            limited_by=self._limited_by(decision),
            questions=tuple(self._asked(decision)),
            client=self._client(decision),
            unknown=missing,
        )
        return Explained(explanation, decision, decision.counters)

    def _client(self, decision: RequestDecision) -> Client:
        is_grpc = self._request.is_grpc
        decision = shown(decision, self._knowledge, is_grpc=is_grpc)
        got = client(decision, self._request, own_router=self._own_router, services=self._services)
        return with_known(got, decision)

    def _is_unknown(self, failure_mode: FailureMode) -> bool:
        """Whether facts are missing that matter: where a limit fails that can refuse, the others do not."""
        fails = failure_mode == "deny" and any(
            limit.applies == "fails" and limit.refuses for limit in self._limits
        )
        return bool(self._missing) and not fails

    def _record(self) -> Explanation:
        listener = self._listener
        request = self._request
        key = f"{self._program.namespace}/{self._program.name}"
        headers = (
            (name, MASK if self._knowledge.hides([("request", "headers", name)]) else value)
            for name, value in request.headers
        )
        return Explanation(
            request=Seen(
                method=request.method,
                scheme=request.scheme,
                authority=request.authority,
                target=request.target,
                headers=tuple(headers),
            ),
            outcome="unknown",
            listener=TracedListener(
                gateway=key,
                port=listener.port,
                protocol=listener.protocol,
                names=listener.names,
                origin=self._origins.of_listener(key, self._serving or listener.names[0]),
                serving=self._serving,
            ),
            hosts=self._hosts,
            host=self._host.hostname if self._host else None,
            looked_at=self._looked_at,
            rule=self._looked_at[-1] if self._rule else None,
            policies=self._policies,
            limits=self._limits,
            unknown=tuple(self._missing),
        )

    def _without_unknown(self) -> GatewayProgram:
        """The program with the rule of the request alone, without limits that are not known to apply."""
        assert self._rule is not None
        assert self._host is not None
        left_out = {limit.key for limit in self._limits if limit.applies == "unknown"}
        actions = tuple(
            structs.replace(
                action, limits=tuple(limit for limit in action.limits if limit.key not in left_out)
            )
            for action in self._rule.actions
        )
        host = HostProgram(self._host.hostname, (structs.replace(self._rule, actions=actions),))
        listener = structs.replace(self._listener, hosts=(host,))
        return structs.replace(self._program, listeners=(listener,))

    def _with_standings(self, decision: RequestDecision) -> Iterable[TracedLimit]:
        by_condition: dict[str, list[_Stand]] = {}
        for question in decision.questions:
            bounds = standing_bounds(question)
            stood = [
                _Stand(one, bounds.get(one.counter, ()), denies=question.limited and one.denies)
                for one in question.standings
            ]
            stood += (
                _Stand(
                    one.standing,
                    bounds.get(one.standing.counter, ()),
                    enforced=False,
                    would_deny=one.is_full if one.is_known else None,
                )
                for one in question.watched
            )
            for stand in stood:
                for condition in stand.standing.limit.conditions:
                    by_condition.setdefault(condition, []).append(stand)
        for limit in self._limits:
            stands = by_condition.get(limit_condition(limit.key), ()) if limit.applies == "yes" else ()
            standings = (
                _standing(one, limit) for one in stands if one.standing.limit.namespace == limit.scope
            )
            yield structs.replace(limit, standings=tuple(standings))

    def _limited_by(self, decision: RequestDecision) -> tuple[str, ...]:
        if decision.outcome != "limited":
            return ()
        full = {
            condition
            for standing in decision.questions[-1].standings
            if standing.denies
            for condition in standing.limit.conditions
        }
        return tuple(limit.name for limit in self._limits if limit_condition(limit.key) in full)

    def _asked(self, decision: RequestDecision) -> Iterable[Asked]:
        shown = _shown_values(self._limits)
        for question in decision.questions:
            entries = tuple((key, shown.get(key, value)) for key, value in question.entries)
            by: Scope = GATEWAY if question.is_counted_here else CLUSTER
            yield Asked(scope=question.scope, entries=entries, limited=question.limited, by=by)


def _exempt(limit: TracedLimit) -> TracedLimit:
    if limit.applies in ("unselected", "unlimited"):
        return limit
    return structs.replace(limit, applies="no", because="preflights of browsers are exempt")


def _shown_values(limits: Sequence[TracedLimit]) -> dict[str, str]:
    """The values of counters, by their texts, and of costs, as they may be shown."""
    costs = {
        hits_key(limit.key): limit.cost.value
        for limit in limits
        if limit.cost is not None and limit.cost.value == MASK
    }
    return {
        counter.text: counter.value
        for limit in limits
        for counter in limit.counters
        if counter.value is not None
    } | costs


class _Stand(Struct, frozen=True, gc=False):
    """A counter, and what it did or would have done with the request."""

    standing: Standing
    bounds: tuple[Standing, ...] = ()
    denies: bool = False
    enforced: bool = True
    would_deny: bool | None = False


def _standing(stand: _Stand, limit: TracedLimit) -> CounterStanding:
    standing = stand.standing
    # The first one is if hits count as shortly as they can, the last one as long: nobody comes too early.
    resets = [round(one.reset, 3) for one in stand.bounds or (standing,)]
    left = [one.remaining for one in stand.bounds or (standing,)]
    texts = {descriptor_entry(counter.text): counter for counter in limit.counters}
    return CounterStanding(
        limit=standing.limit.max_value,
        seconds=standing.limit.seconds,
        key=tuple(
            (texts[entry].text, texts[entry].value or "") if entry in texts else (entry, MASK)
            for entry, _ in standing.counter[1]
        ),
        remaining=left[-1],
        resets_in=resets[-1],
        denies=stand.denies,
        algorithm=standing.limit.counts_by,
        burst=standing.limit.burst or None,
        enforced=stand.enforced,
        would_deny=stand.would_deny,
        remaining_at_most=left[0] if left[0] != left[-1] else None,
        resets_in_at_least=resets[0] if resets[0] != resets[-1] else None,
    )
