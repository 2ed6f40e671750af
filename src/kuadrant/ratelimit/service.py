"""Envoy's rate limit service (``envoy.service.ratelimit.v3``) with Limitador's rule.

It fits any gRPC server for asyncio.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final

from prometheus_client import generate_latest

from kuadrant.api.counter_page import CounterPage
from kuadrant.api.limit_keys import keys_in
from kuadrant.api.limit_validity import Expressions
from kuadrant.api.limitador import union
from kuadrant.ratelimit.answerable import asks_of, held_part
from kuadrant.ratelimit.call_turns import Turns
from kuadrant.ratelimit.caller_tokens import Callers, StrangerError, metadata_of
from kuadrant.ratelimit.compiled_limits import InvalidLimitsError, compile_limits
from kuadrant.ratelimit.counter_shares import tenant_of
from kuadrant.ratelimit.counters import Counters, most_restrictive_first, standings
from kuadrant.ratelimit.decision_ring import DecisionRing
from kuadrant.ratelimit.left_out_limits import LeftOutLimits
from kuadrant.ratelimit.limit_index import compile_namespaces, hold_namespaces
from kuadrant.ratelimit.log_pace import LogPace, Paces
from kuadrant.ratelimit.metrics import Metrics
from kuadrant.ratelimit.question import InvalidRequestError, Question, Questions, domain_of, read
from kuadrant.ratelimit.remembered_denials import count_remembered
from kuadrant.ratelimit.service_answers import INTERNAL, Decided, answer_to, error_answer, looked
from kuadrant.ratelimit.share_notes import tell_of_memory, tell_of_store
from kuadrant.ratelimit.standing_counters import of_policy, standing_counters
from kuadrant.ratelimit.store_room import StoreRoom
from kuadrant.ratelimit.unknown_limits import UnknownLimitError, UnknownLimits, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import grpc  # type: ignore[import-untyped]
    from prometheus_client import CollectorRegistry

    from kuadrant.api.limit_calls import CallTotals
    from kuadrant.api.limitador import LeftOut, Limit
    from kuadrant.ratelimit.compiled_limits import CompiledLimits
    from kuadrant.ratelimit.counters import Ask, LimitCounters, Standing
    from kuadrant.ratelimit.limit_index import HeldNamespace, NamespaceLimits
    from kuadrant.ratelimit.redis_store import RedisStore
    from kuadrant.ratelimit.unknown_limits import UnknownLimit

SERVICE = "envoy.service.ratelimit.v3.RateLimitService"

MOST_COUNTER_BYTES: Final = 160 << 20
"""What counters with values may take by default."""

_LOGGER = logging.getLogger(__name__)


class RateLimitService:
    """Decides requests by a set of limits, which can be replaced at any time.

    It belongs to one thread: that of the event loop which serves it. ``clock`` is monotonic, in seconds. With
    ``headers``, which may be set at any time, answers carry ``x-ratelimit-*`` unless a request asks for
    others. ``counter_bytes`` bounds the memory of the counters of limits that have variables (see
    ``kuadrant.ratelimit.counters`` for what happens at the bound). With ``store``, which may be set at any
    time, requests are counted there.

    ``callers`` say who may ask: everybody, unless they hold a key.

    ``decisions`` has what gateways report for those who follow them.

    A request that asks for a limit that is wrong and not held, or for any limit of a policy that is not held,
    is an error and counted nowhere: the caller's failure mode decides. Limits that it says are in shadow are
    left out instead.

    Raises:
        InvalidLimitsError: Some of ``limits`` are wrong.
    """

    def __init__(
        self,
        limits: Iterable[Limit] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        headers: bool = False,
        counter_bytes: int = MOST_COUNTER_BYTES,
        callers: Callers | None = None,
    ) -> None:
        self._clock = clock
        self.headers = headers
        self.store: RedisStore | None = None
        self.callers = callers or Callers()
        self._left_out = LeftOutLimits()
        self._expressions = Expressions()
        self._counters = Counters(counter_bytes)
        self._store_room = StoreRoom(self._counters.shares)
        self._turns = Turns()
        self._unknown = UnknownLimits()
        self._sparingly = Paces(strangers=LogPace(), defects=LogPace())
        self.decisions = DecisionRing()
        self._metrics = Metrics(self._counters, self._store_room, self._turns, self.callers)
        self._namespaces: dict[str, HeldNamespace] = {}
        self._tenants: dict[bytes, str] = {}
        self._questions = Questions()
        self.replace(limits)

    def replace(self, limits: Iterable[Limit]) -> None:
        """Have these limits from the next request on; counters of limits that stay go on counting.

        A limit stays if its namespace, seconds, conditions and variables do; its ``max_value`` and name may
        change.

        Raises:
            InvalidLimitsError: Some of them are wrong; each is named, and nothing has changed.
        """
        limits = tuple(limits)
        compiled = compile_namespaces(limits, self._namespaces, self._expressions)
        if any(one.problems for one in compiled.values()):
            raise InvalidLimitsError(compile_limits(limits, self._expressions).problems)
        self._hold(compiled, LeftOutLimits())

    def take(self, limits: Iterable[Limit], unreadable: Iterable[LeftOut] = ()) -> tuple[LeftOut, ...]:
        """Have those of these limits that can be held, as ``replace`` does.

        Returns those that cannot, ``unreadable`` among them.

        Questions for a limit of a policy that was left out are errors. One that no question can be known by
        (Limitador's own users write such) leaves its namespace with the former limits beside the new ones, so
        that none of them is lost by a mistake; where there are none, all questions for that namespace are
        errors.
        """
        compiled = compile_namespaces(limits, self._namespaces, self._expressions)
        left_out = (*unreadable, *chain.from_iterable(one.left_out for one in compiled.values()))
        nameless = {one.namespace for one in left_out if not one.keys}
        unsure = nameless - (self._namespaces.keys() - self._left_out.unsure)
        for name in nameless & self._namespaces.keys():
            wanted = compiled[name].wanted if name in compiled else ()
            compiled[name] = compile_limits(
                union(wanted, self._namespaces[name].compiled.wanted), self._expressions
            )
        self._hold(compiled, LeftOutLimits(left_out, unsure))
        return left_out

    def _hold(self, compiled: Mapping[str, CompiledLimits], left_out: LeftOutLimits) -> None:
        held = {name: one for name, one in compiled.items() if one.held}
        counters = self._counters.keep(chain.from_iterable(one.held for one in held.values()))
        self._namespaces = hold_namespaces(held, self._namespaces, counters)
        self._tenants = {name.encode(): tenant_of(name) for name in held}
        self._metrics.keep(held)
        self._questions.clear()
        self._left_out = left_out
        self._unknown.drop(lambda limit: not self._missing(limit.namespace, (limit.key,)))

    def decide(self, request: bytes, gateway: str | None = None) -> bytes:
        """The encoded ``RateLimitResponse`` to an encoded ``RateLimitRequest``, counted as it says.

        ``gateway`` is the one of ours that asks, None if that is not known.

        Raises:
            InvalidRequestError: It is none that can be asked (``kuadrant.ratelimit.question.read``), or not
            by that gateway. UnknownLimitError: It asks for a limit of a policy that is not held. WorkError:
            It would cost more than one request may. EvaluationError: An expression of a limit fails on it.
        """
        now = self._clock()
        question = None
        try:
            question = self._looked_up(request, gateway, now)
            if question.again == "only":
                return looked(standings(question.asks, now, limited=True))
            denied = self._counters.check_and_add(question.asks, now)
            without_room = self._counters.watch(question.watched, now, admitted=denied is None)
            self._count(question, denied, without_room)
            found = partial(standings, question.asks, now, limited=denied is not None)
            return self._told(question, Decided(denied, without_room), found, now)
        finally:
            tenant = self._tenant(request) if question is None else question.tenant
            self._metrics.decisions.add(self._spent(tenant, now))

    async def decide_by_store(self, request: bytes, store: RedisStore, gateway: str | None = None) -> bytes:
        """The same as ``decide``, counted in ``store``.

        Raises:
            StoreError: The store did not answer.
            BusyError: The tenant has as many questions to the store under way as one may.
        """
        with self._metrics.decisions.timed(self._clock):
            return await self._decide_by_store(request, store, gateway)

    async def _decide_by_store(self, request: bytes, store: RedisStore, gateway: str | None) -> bytes:
        now = self._clock()
        try:
            question = self._looked_up(request, gateway, now)
        finally:
            self._spent(self._tenant(request), now)
        if question.again == "only":
            return looked(await store.look(question.asks, question.tenant, self._store_room))
        told: tuple[Ask | None, Sequence[Standing], Sequence[Ask]] = (None, (), ())
        if question.number:
            asks = (*question.asks, *question.watched)
            with self._metrics.store_answers.timed(self._clock):
                told = await store.check_and_add(asks, question.tenant, self._store_room)
            if self._store_room.notes:
                tell_of_store(self._store_room.notes)
        denied, found, without_room = told
        self._count(question, denied, without_room)
        in_order = partial(most_restrictive_first, found, limited=denied is not None)
        return self._told(question, Decided(denied, without_room), in_order, now)

    def _told(
        self, question: Question, decided: Decided, found: Callable[[], Sequence[Standing]], now: float
    ) -> bytes:
        told = answer_to(question, decided, found, headers=self.headers)
        return told if now >= self.decisions.until else told + self.decisions.word

    def _looked_up(self, request: bytes, gateway: str | None, now: float) -> Question:
        question = self._questions.get(request)
        if question is None:
            question = self._question(request, now)
            self._questions.put(request, question)
        if gateway is not None and not question.is_of_gateway:
            raise InvalidRequestError(f"no gateway of ours is told to ask so, and {gateway:.300} is one")
        return question

    def _question(self, request: bytes, now: float) -> Question:
        asked = read(request)
        if asked.domain in self._left_out.unsure:
            raise UnknownLimitError(asked.domain, ("one that was left out",))
        if absent := self._missing(asked.domain, asked.keys):
            self._note_unknown(asked.domain, absent, now)
            asked = held_part(asked, absent)
        asks: list[Ask] = []
        calls, tenant = self._metrics.unlimited, ""
        if (held := self._namespaces.get(asked.domain)) is not None:
            asks = asks_of(asked, held.limits, lambda keys: self._note_unknown(asked.domain, keys, now))
            calls, tenant = self._metrics.namespaces[asked.domain], self._tenants[asked.domain.encode()]
        enforced, watched = [ask for ask in asks if ask.enforced], [ask for ask in asks if not ask.enforced]
        told = (asked.is_of_gateway, asked.form, watched, asked.again, asked.soft)
        return Question(calls, enforced, max(asked.hits), tenant, *told)

    def _missing(self, domain: str, keys: Sequence[str]) -> tuple[str, ...]:
        namespace = self._namespaces.get(domain)
        held = frozenset[str]() if namespace is None else namespace.limits.keys
        return missing(domain, keys, held, self._left_out)

    def _note_unknown(self, domain: str, keys: Sequence[str], now: float) -> None:
        self._metrics.namespaces.get(domain, self._metrics.unlimited).unknown += 1
        for key in keys:
            limit = self._unknown.note(domain, key, now)
            if limit is not None and self._sparingly.strangers.may(str(limit), now):
                _LOGGER.error(
                    "a limit is asked for that is not held, such requests are errors: %r", str(limit)
                )

    def unknown_limits(self) -> tuple[UnknownLimit, ...]:
        """The limits that were asked for in the last minute and are not held: a bounded number, in order."""
        return self._unknown.recent(self._clock())

    def standing_counters(self, policy: str, most: int) -> CounterPage:
        """Return where the counters in memory stand that are nearest to their limit; of one policy, if named.

        Those in a store are not told.
        """
        if self.store is not None:
            return CounterPage(stored=True)
        return standing_counters(self._standing(), self._clock(), policy=policy, most=most)

    def calls(self) -> CallTotals:
        """The calls so far, by scope and limit."""
        return self._metrics.totals()

    def keys_of(self, policy: str) -> frozenset[str]:
        """Return the keys by which gateways ask for limits of a policy (``namespace/name``)."""
        return keys_in(text for limit, _ in of_policy(self._standing(), policy) for text in limit.conditions)

    def limits_of(self, domain: str) -> NamespaceLimits | None:
        """The limits of a domain; None if none are held."""
        return None if (one := self._namespaces.get(domain)) is None else one.limits

    def _standing(self) -> Iterator[tuple[Limit, LimitCounters]]:
        for one in self._namespaces.values():
            for compiled, counters in one.limits.made_of:
                yield compiled.limit, counters

    def _count(self, question: Question, denied: Ask | None, without_room: Iterable[Ask]) -> None:
        if denied is None:
            question.calls.authorized += 1
            question.calls.hits += question.hits
        else:
            question.calls.limited[denied.name] += 1
        for name, is_soft in {(ask.name, ask.soft) for ask in without_room}:
            (question.calls.soft_exceeded if is_soft else question.calls.shadow_limited)[name] += 1

    def _tenant(self, request: bytes) -> str:
        """Whose request it is, as far as can be told without reading it.

        Those of nobody that is known are one.
        """
        return self._tenants.get(domain_of(request), "")

    def _spent(self, tenant: str, began: float) -> float:
        ended = self._clock()
        self._turns.spent(tenant, ended - began, ended)
        if self._counters.notes:
            tell_of_memory(self._counters.notes)
        return ended - began

    async def ShouldRateLimit(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:  # noqa: N802 - the method's name in Envoy's API
        """Answer one call. What cannot be decided is an error, so that the caller's failure mode decides.

        Envoy takes an answer with the code ``UNKNOWN`` for an ``OK``, so that is never sent.
        """
        try:
            known, gateway = self._questions.get(request), None
            if self.callers.is_on:
                metadata = metadata_of(context)
                gateway = self.callers.known(metadata) or await self.callers.judge(metadata)
                count_remembered(metadata, known if gateway else None)
            tenant = self._tenant(request) if known is None else known.tenant
            if self._turns.must_wait(tenant):
                await self._turns.wait(tenant)
            if self.store is None:
                return self.decide(request, gateway)
            return await self.decide_by_store(request, self.store, gateway)
        except Exception as error:
            code, details = error_answer(error)
            if isinstance(error, StrangerError) and self._sparingly.strangers.may("strangers", self._clock()):
                _LOGGER.warning("somebody asks who is no gateway of this installation, and is refused")
            elif code is INTERNAL and self._sparingly.defects.may("defect", self._clock()):
                _LOGGER.exception("a rate limit request could not be decided")
        self._metrics.errors[code.name] += 1
        return await context.abort(code, details)  # type: ignore[no-any-return] # it raises

    def read_clock(self) -> float:
        """The time by the service's clock, which is monotonic, in seconds."""
        return self._clock()

    def note_closed(self) -> None:
        """Count a connection that was closed for what it held, or because there were too many."""
        self._metrics.closed += 1

    @property
    def registry(self) -> CollectorRegistry:
        """The metrics, for example for ``prometheus_client.start_http_server(port, registry=...)``."""
        return self._metrics.registry

    def metrics(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self._metrics.registry)
