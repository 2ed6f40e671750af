"""A gateway without a gateway: what :func:`decide` says of each request, as it would be seen from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kuadrant.api.limit_mode import SOFT
from kuadrant.explanation.answer_shown import shown
from kuadrant.explanation.client_answer import refused_words
from kuadrant.explanation.clock import standing_bounds
from kuadrant.explanation.decision_trace import Trace
from kuadrant.explanation.knowledge import Knowledge
from kuadrant.explanation.local_answer import answers_preflight
from kuadrant.explanation.origins import Origins
from kuadrant.gateways.envoy.route_actions import Seen, action
from kuadrant.policy_tests.host_parts import HostParts
from kuadrant.policy_tests.observation import Inside, Observation, Stand
from kuadrant.policy_tests.seen_headers import seen_headers
from kuadrant.reference_model import Counters, decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kuadrant.api.limitador import Limit
    from kuadrant.compiler.program import GatewayProgram, RuleProgram
    from kuadrant.explanation.record import Fact
    from kuadrant.policy.failure_mode import FailureMode
    from kuadrant.policy_tests.inventory import Inventory, KnownLimit
    from kuadrant.reference_model import Request, RequestDecision
    from kuadrant.reference_model.counter_windows import Window
    from kuadrant.reference_model.counters import CounterKey, Standing
    from kuadrant.reference_model.gateway_refusal import Refusal
    from kuadrant.reference_model.request_decision import Question

    Windows = Mapping[CounterKey, Window]

EVERYTHING = Knowledge(show_values=True)
_ADMITTED = 200
_ERROR = 500


class SimulatedGateway:
    """One port of a gateway with the rate limit service behind it; what is kept only saves time."""

    def __init__(
        self,
        program: GatewayProgram,
        port: int,
        limits: Iterable[Limit],
        inventory: Inventory,
        failure_mode: FailureMode,
    ) -> None:
        self.port = port
        self.inventory = inventory
        self._listener = program.listener(port)
        self._failure_mode = failure_mode
        self.parts = HostParts(program, self._listener, limits)
        self._statuses: dict[int, int] = {}
        self._shares: dict[int, str] = {}

    @property
    def scheme(self) -> str:
        """The scheme by which clients ask it."""
        return "https" if self._listener.protocol in ("HTTPS", "TLS") else "http"

    def ask(
        self, request: Request, windows: Windows, now: float, knowledge: Knowledge = EVERYTHING
    ) -> tuple[Observation, Windows]:
        """Return what becomes at ``now`` of a request that is not refused, and the windows open then.

        Of what is not known nothing is in an answer that is made of the request.
        """
        part = self.parts.of(request.host)
        counters = Counters(part.limits, windows)
        decision = decide(part.program, request, counters, now, failure_mode=self._failure_mode)
        decision = shown(decision, replace(knowledge, show_values=True), is_grpc=request.is_grpc)
        return self._seen(decision, request), decision.counters.windows

    def refuses(self, refusal: Refusal | None, request: Request) -> bool:
        """Tell whether ``refusal`` is the answer to ``request`` here."""
        return refusal is not None and refusal.holds(self._listener.hosts, request)

    def unknown(self, request: Request, knowledge: Knowledge) -> tuple[Fact, ...]:
        """Return the facts that decide over a request and are not known; none where its outcome is known."""
        trace = Trace(self.parts.of(request.host).program, request, Origins(), knowledge)
        return trace.unknown(self._failure_mode)

    def _seen(self, decision: RequestDecision, request: Request) -> Observation:
        status = decision.status
        if decision.outcome == "admitted":
            assert decision.rule is not None
            is_answered = answers_preflight(decision.rule, request)
            status = _ADMITTED if is_answered else self._status(decision.rule)
        seen = seen_headers(decision, request, is_error=status == _ERROR)
        if decision.outcome == "admitted" and status == _ERROR and request.is_grpc:
            status = _ADMITTED
        return Observation(
            status=status,
            headers=seen.known,
            inside=self._inside(decision),
            not_known=seen.not_known,
            others=seen.others,
        )

    def _status(self, rule: RuleProgram) -> int:
        """Return what a client gets of an admitted request: the backend is taken to answer 200."""
        known = self._statuses.get(id(rule))
        if known is None:
            done = action("*", rule, Seen(self.port, self.scheme))
            redirect = rule.forwarding.redirect
            if "direct_response" in done:
                known = int(done["direct_response"]["status"])
            else:
                known = redirect.status if redirect is not None else _ADMITTED
            self._statuses[id(rule)] = known
        return known

    def _inside(self, decision: RequestDecision) -> Inside:
        stands = tuple(
            self._stand(one, bounds.get(one.counter, (one,)))
            for question in decision.questions
            for bounds in (standing_bounds(question),)
            for one in question.standings
        )
        return Inside(
            outcome=decision.outcome,
            rule=self.inventory.rules[decision.rule.name] if decision.rule is not None else None,
            policies=decision.sources,
            asked=bool(decision.questions),
            in_part=self._in_part(decision),
            refused=tuple(self._refused(decision.questions)),
            stands=stands,
            watched=tuple(
                (self._known(one.standing.limit), one.is_full if one.is_known else None)
                for question in decision.questions
                for one in question.watched
            ),
            soft=tuple(
                self._known(one.standing.limit)
                for question in decision.questions
                for one in question.watched
                if one.standing.limit.mode == SOFT
            ),
            signals=decision.signals,
            signals_known=decision.doubt is None or not decision.doubt.signals,
            is_known=decision.doubt is None or not decision.doubt.verdict,
        )

    def _in_part(self, decision: RequestDecision) -> str:
        if decision.rule is None or decision.outcome != "admitted":
            return ""
        known = self._shares.get(id(decision.rule))
        if known is None:
            share = refused_words(decision.rule, self.inventory.services)
            known = share and f"{self.inventory.rules[decision.rule.name]}: {share}"
            self._shares[id(decision.rule)] = known
        return known

    def _refused(self, questions: Iterable[Question]) -> Iterator[KnownLimit]:
        """Yield the limits that had no room, each once."""
        found = {
            self._known(standing.limit): None
            for question in questions
            if question.limited
            for standing in question.standings
            if standing.denies
        }
        yield from found

    def _stand(self, standing: Standing, bounds: Sequence[Standing]) -> Stand:
        return Stand(
            limit=self._known(standing.limit),
            counter=standing.counter,
            most=standing.limit.most,
            remaining=bounds[-1].remaining,
            reset=bounds[-1].reset,
            remaining_at_most=bounds[0].remaining,
        )

    def _known(self, limit: Limit) -> KnownLimit:
        return self.inventory.conditions[limit.namespace, limit.conditions[0]]


def refused_by_itself(refused: Refusal) -> Observation:
    """Return what is seen of a request that the gateway answers before any rule has a say."""
    inside = Inside("refused", None, (), asked=False, refused=(), stands=(), because=refused.because)
    return Observation(status=refused.status, inside=inside)
