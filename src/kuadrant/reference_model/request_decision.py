"""The whole of what a gateway does with one request before it forwards it: :func:`decide`.

* The most specific host name that is served counts, and its first rule that holds, also if that limits
  nothing.
* Every condition and counter of all the rule's actions is evaluated before the first question. One that fails
  is, with the failure mode ``deny``, the end of the request, and nothing is counted; with ``allow`` its limit
  does not apply, and neither does one in shadow, in both modes. Of a limit's conditions one that is false
  wins over one that fails. Where the module ends an evaluation, as far as that is foreseen, the request is
  refused whatever the failure mode, unless the limit is in shadow.
* A preflight is not limited, unless the rule counts them.
* A limit for which a request costs nothing does not apply to it.
* An action whose limits do not apply asks nothing. The questions are asked one after the other; the first
  that is over a limit ends the request, and what the service has counted stays counted. One that only
  limits in shadow ask is asked in its turn, and ends nothing: no request waits for its answer.
* Questions that the gateway answers by itself come first. Where one of them refuses nobody else is asked, and
  what they have counted is taken back for a request that is refused.
* Of a request that goes on the soft limits that had no room say so, in headers of the request.

Not modelled: the bound on counters, and attributes of gateways that the request does not tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct

from kuadrant.api.limit_keys import AGAIN_KEY, SHADOW_KEY, SOFT_KEY, hits_key
from kuadrant.compiler.program import RuleProgram
from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE
from kuadrant.reference_model.client_headers import asked, headers
from kuadrant.reference_model.clock_doubt import ClockDoubt, clock_doubt
from kuadrant.reference_model.conditions import all_hold, costs, counted_by
from kuadrant.reference_model.counters import Answer, Counters, Standing, Watched, again
from kuadrant.reference_model.evaluation_end import TooMuchError
from kuadrant.reference_model.expressions import EvaluationError, Expressions
from kuadrant.reference_model.identity import identified, source_of
from kuadrant.reference_model.over_limit import Refusal, refused
from kuadrant.reference_model.preflight import is_exempt
from kuadrant.reference_model.routing import chosen
from kuadrant.reference_model.soft_limits import signals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kuadrant.compiler.program import Action, GatewayProgram, LimitAction
    from kuadrant.policy.failure_mode import FailureMode
    from kuadrant.reference_model.request import Request

_STATUS = {"no-route": 404, "failed": 500}
# What a client that speaks gRPC gets: by Envoy, but for 429, which is the module's.
_GRPC_STATUS = {"no-route": 12, "limited": 8, "failed": 2}

Entries = tuple[tuple[str, str], ...]


class _Wanted(NamedTuple):
    """Scope and descriptor of a question, the policies that it is for, and whether the gateway answers it."""

    scope: str
    entries: Entries
    sources: tuple[str, ...]
    is_counted_here: bool


class Question(Struct, frozen=True, gc=False):
    """One question to the rate limit service, and its answer: is a limit without room, and all that apply.

    Those that are only ``watched`` have no say in it. ``bounds`` are those of the answer. One that
    ``is_counted_here`` is answered by the gateway itself.
    """

    scope: str
    entries: Entries
    limited: bool
    standings: tuple[Standing, ...]
    watched: tuple[Watched, ...] = ()
    bounds: tuple[Answer, Answer] | None = None
    is_counted_here: bool = False


class RequestDecision(Struct, frozen=True, gc=False):
    """The outcome of a request, and the counters afterwards.

    Of an ``admitted`` one ``rule.forwarding`` says the rest; ``status`` is None. Else it is what the client
    gets: with ``grpc_status``, in the manner of gRPC. ``headers`` are added to the response, whoever gives
    it. ``refusal`` is what the rule says of one that is ``limited``, and ``retry_after`` are the seconds
    after which it should come again, None if that is never. ``looked`` are the questions that were left, of
    which nothing was counted: only when they have room was asked. ``sources`` are the policies whose limits
    were asked for. ``doubt`` is what of it depends on the clock of the rate limit service; the decision is
    that of one whose clock is ``now``. ``signals`` are the headers that soft limits add to a request.
    """

    outcome: Literal["no-route", "admitted", "limited", "failed"]
    counters: Counters
    rule: RuleProgram | None = None
    questions: tuple[Question, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    status: int | None = None
    grpc_status: int | None = None
    refusal: Refusal | None = None
    retry_after: int | None = None
    sources: tuple[str, ...] = ()
    looked: tuple[tuple[str, Entries], ...] = ()
    doubt: ClockDoubt | None = None
    signals: tuple[tuple[str, str], ...] = ()


def decide(
    program: GatewayProgram,
    request: Request,
    counters: Counters,
    now: float,
    *,
    failure_mode: FailureMode = DEFAULT_FAILURE_MODE,
) -> RequestDecision:
    """Return what the gateway of ``program`` does with ``request`` at ``now``, in seconds of any clock.

    ``counters`` are those of the rate limit service, which answers: that it does not is no subject here.

    Raises:
        ValueError: The gateway has no listener at the request's port.
    """
    rule = chosen(program.listener(request.port).hosts, request)
    if rule is None:
        return _ended("no-route", request, counters)
    if is_exempt(rule, request):
        return RequestDecision("admitted", counters, rule)
    try:
        wanted = _questions(rule, request, failure_mode)
    except (EvaluationError, TooMuchError):
        return _ended("failed", request, counters, rule=rule)
    questions: list[Question] = []
    answers: list[Answer] = []
    before = counters
    for one in wanted:
        answer, counters = counters.ask(one.scope, one.entries, now)
        questions.append(_question(one, answer))
        answers.append(answer)
        if answer.limited:
            for other in wanted[: len(answers)]:
                if other.is_counted_here:
                    counters = counters.without(before, other.scope, other.entries, now)
            return _limited(_Way(rule, request, wanted, questions, answers, counters, now))
    return _admitted(_Way(rule, request, wanted, questions, answers, counters, now))


class _Way(NamedTuple):
    """All that was asked for a request that ``rule`` is for, until one answer refused it, or the last."""

    rule: RuleProgram
    request: Request
    wanted: Sequence[_Wanted]
    questions: Sequence[Question]
    answers: Sequence[Answer]
    counters: Counters
    now: float


def _limited(way: _Way) -> RequestDecision:
    rule, request, wanted, questions, answers, counters, now = way
    # Who is refused by the gateway itself costs the service nothing.
    left = () if wanted[len(answers) - 1].is_counted_here else wanted[len(answers) :]
    looked, looked_at = _look(counters, _looking(questions[-1].entries, left), now)
    doubt = clock_doubt(answers, rule.response, request, looked_at)
    return _ended(
        "limited",
        request,
        _after(doubt, counters, wanted, now),
        rule=rule,
        questions=tuple(questions),
        headers=_headers(way),
        refusal=refused(rule.response, answers[-1], request),
        retry_after=None if rule.response.retry_after is False else again((*answers, *looked_at)),
        sources=_sources(wanted),
        looked=looked,
        doubt=doubt,
    )


def _admitted(way: _Way) -> RequestDecision:
    rule, request, wanted, questions, answers, counters, now = way
    doubt = clock_doubt(answers, rule.response, request)
    return RequestDecision(
        "admitted",
        _after(doubt, counters, wanted, now),
        rule,
        tuple(questions),
        _headers(way),
        sources=_sources(wanted),
        doubt=doubt,
        signals=signals(rule, zip((one.scope for one in wanted), answers, strict=True)),
    )


def _headers(way: _Way) -> tuple[tuple[str, str], ...]:
    form = way.rule.response.headers
    asked = zip(way.wanted, way.answers, strict=False)
    # Where nobody says which headers there are, the rate limit service does, of what it is asked.
    return headers((answer for one, answer in asked if form or not one.is_counted_here), form)


def _sources(wanted: Iterable[_Wanted]) -> tuple[str, ...]:
    return tuple(sorted({source for one in wanted for source in one.sources}))


def _question(wanted: _Wanted, answer: Answer) -> Question:
    return Question(
        wanted.scope,
        wanted.entries,
        answer.limited,
        answer.standings,
        answer.watched,
        answer.bounds,
        wanted.is_counted_here,
    )


def _after(doubt: ClockDoubt | None, counters: Counters, wanted: Iterable[_Wanted], now: float) -> Counters:
    """Return the counters after a decision: where it is in doubt, so is whatever it may have counted."""
    if doubt is not None and doubt.verdict:
        for one in wanted:
            counters = counters.doubting(one.scope, one.entries, now)
    return counters


def _look(
    counters: Counters, left: Iterable[tuple[str, Entries]], now: float
) -> tuple[tuple[tuple[str, Entries], ...], tuple[Answer, ...]]:
    looked = tuple(left)
    return looked, tuple(counters.look(*one, now) for one in looked)


def _looking(refused: Entries, left: Iterable[_Wanted]) -> Iterator[tuple[str, Entries]]:
    """The questions that are ``left``, as they are asked without a decision; not those of shadows alone.

    None where the one that was ``refused`` does not ask for that.
    """
    told, only = (AGAIN_KEY, "told"), (AGAIN_KEY, "only")
    if told not in refused:
        return
    for one in left:
        if told in one.entries and not one.is_counted_here:
            yield one.scope, tuple(only if entry == told else entry for entry in one.entries)


def _ended(
    outcome: Literal["no-route", "limited", "failed"],
    request: Request,
    counters: Counters,
    *,
    rule: RuleProgram | None = None,
    questions: tuple[Question, ...] = (),
    headers: tuple[tuple[str, str], ...] = (),
    refusal: Refusal | None = None,
    retry_after: int | None = None,
    sources: tuple[str, ...] = (),
    looked: tuple[tuple[str, Entries], ...] = (),
    doubt: ClockDoubt | None = None,
) -> RequestDecision:
    status = _STATUS[outcome] if refusal is None else refusal.code
    grpc_status = _GRPC_STATUS[outcome] if request.is_grpc else None
    return RequestDecision(
        outcome,
        counters,
        rule,
        questions,
        headers,
        status=status if grpc_status is None else 200,
        grpc_status=grpc_status,
        refusal=refusal,
        retry_after=retry_after,
        sources=sources,
        looked=looked,
        doubt=doubt,
    )


def _questions(rule: RuleProgram, request: Request, failure_mode: FailureMode) -> list[_Wanted]:
    """Scope, descriptor and sources of each question that the actions of ``rule`` raise.

    Raises:
        EvaluationError: A condition or a counter of a limit that is not in shadow fails, and ``failure_mode``
            denies.
        TooMuchError: The module ends the evaluation of one that is not in shadow.
    """
    request = identified(request, source_of(rule.actions))
    expressions = Expressions(request)
    questions = []
    for action in rule.actions:
        # In the order of the limits, those in shadow last, each entry once.
        entries: dict[tuple[str, str], None] = {}
        applying: list[LimitAction] = []
        for limit in sorted(action.limits, key=lambda limit: not limit.refuses):
            try:
                own = _entries(limit, request, expressions)
            except (EvaluationError, TooMuchError) as error:
                refuses = failure_mode == "deny" or isinstance(error, TooMuchError)
                if refuses and limit.refuses:
                    raise
                continue
            if own is not None:
                entries.update(dict.fromkeys(own))
                applying.append(limit)
        if applying:
            sources = tuple(source for limit in applying for source in limit.sources)
            asked_for = (*entries, *_beside(rule, action, applying))
            questions.append(_Wanted(action.scope, asked_for, sources, action.is_counted_here))
    return questions


def _beside(rule: RuleProgram, action: Action, applying: Sequence[LimitAction]) -> Entries:
    """The entries of a question that are not of the limits which apply."""
    shadows = ",".join(limit.key for limit in action.limits if not limit.refuses)
    soft = [(SOFT_KEY, "told")] if any(limit.signals for limit in applying) else []
    refuses = any(limit.refuses for limit in applying)
    if not soft and not refuses:
        return ()
    named = [(SHADOW_KEY, shadows)] if any(not limit.refuses for limit in applying) else []
    again = [(AGAIN_KEY, "told")] if _asks_again(rule) else []
    return (*named, *soft, *(asked(rule.response) if refuses else ()), *(again if refuses else ()))


def _asks_again(rule: RuleProgram) -> bool:
    """Whether a refusal has to know of all questions when they have room: there may be several."""
    refusing = [action for action in rule.actions if any(limit.refuses for limit in action.limits)]
    return len(refusing) > 1 and rule.response.retry_after is not False


def _entries(limit: LimitAction, request: Request, expressions: Expressions) -> Entries | None:
    """The entries that ``limit`` adds to the descriptor; None if it does not apply."""
    if not all_hold(limit.when, request, expressions):
        return None
    entries = [(limit.key, "1")]
    for counter in limit.counters:
        key, value = counted_by(counter, request, expressions)
        if value is None:
            return None
        entries.append((key, value))
    if limit.cost is not None:
        hits = costs(limit.cost, expressions)
        if not hits:
            return None
        entries.append((hits_key(limit.key), str(hits)))
    return tuple(entries)
