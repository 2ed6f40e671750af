"""Envoy's rate limit service (``envoy.service.ratelimit.v3``) with Limitador's rule, for any gRPC server for asyncio."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError
from prometheus_client import generate_latest

from kuadrant.envoy_api import message
from kuadrant.ratelimit.conditions import EvaluationError
from kuadrant.ratelimit.counters import Counters, most_restrictive_first, standings
from kuadrant.ratelimit.headers import rate_limit_headers
from kuadrant.ratelimit.limits import NamespaceLimits, compile_limits
from kuadrant.ratelimit.metrics import Metrics
from kuadrant.ratelimit.redis_store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from prometheus_client import CollectorRegistry

    from kuadrant.api.limitador import Limit
    from kuadrant.ratelimit.counters import Ask, Standing
    from kuadrant.ratelimit.metrics import Calls
    from kuadrant.ratelimit.redis_store import RedisStore

SERVICE = "envoy.service.ratelimit.v3.RateLimitService"

_LOGGER = logging.getLogger(__name__)

_Request: Any = message("envoy.service.ratelimit.v3.RateLimitRequest")
_Response: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")
# The two answers without headers never change: they are encoded once.
_OK: bytes = _Response(overall_code="OK").SerializeToString()
_OVER_LIMIT: bytes = _Response(overall_code="OVER_LIMIT").SerializeToString()


# What a request asks for depends on nothing but its bytes and the limits, and gateways ask the same again and again.
_MOST_REMEMBERED = 4096
_LONGEST_REMEMBERED = 1024


class InvalidRequestError(ValueError):
    """A request is not one that can be decided; the text says why."""


class _Question(NamedTuple):
    """A request, looked up: where its answer is counted, the counters of the limits that apply, and what it costs."""

    calls: Calls
    asks: Sequence[Ask]
    hits: int


class RateLimitService:
    """Decides requests by a set of limits, which can be replaced at any time.

    It belongs to one thread: that of the event loop which serves it. ``clock`` is monotonic, in seconds. With
    ``headers``, which may be set at any time, answers carry ``x-ratelimit-*``. ``max_counters`` bounds the counters of
    limits that have variables (about 350 bytes each; see ``kuadrant.ratelimit.counters`` for what happens at the bound).
    With ``limit_names``, ``limited_calls`` has a label with the limit's name. With ``store``, which may be set at any time,
    requests are counted there.

    Raises:
        InvalidLimitsError: Some of ``limits`` are wrong.
    """

    def __init__(
        self,
        limits: Iterable[Limit] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        headers: bool = False,
        max_counters: int = 500_000,
        limit_names: bool = False,
    ) -> None:
        self._clock = clock
        self.headers = headers
        self.store: RedisStore | None = None
        self._counters = Counters(max_counters)
        self._metrics = Metrics(self._counters, limit_names=limit_names)
        self._namespaces: dict[str, NamespaceLimits] = {}
        self._questions: dict[bytes, _Question] = {}
        self.replace(limits)

    def replace(self, limits: Iterable[Limit]) -> None:
        """Have these limits from the next request on; counters of limits that stay go on counting.

        A limit stays if its namespace, seconds, conditions and variables do; its ``max_value`` and name may change.

        Raises:
            InvalidLimitsError: Some of them are wrong; each is named, and nothing has changed.
        """
        compiled = compile_limits(limits)
        counters = self._counters.keep(compiled)
        by_namespace: dict[str, list[Any]] = {}
        for key, limit in compiled.items():
            by_namespace.setdefault(limit.limit.namespace, []).append((limit, counters[key]))
        self._namespaces = {name: NamespaceLimits(found) for name, found in by_namespace.items()}
        self._metrics.keep(set(by_namespace))
        self._questions.clear()

    def decide(self, request: bytes) -> bytes:
        """The encoded ``RateLimitResponse`` to an encoded ``RateLimitRequest``, counted as it says.

        Raises:
            InvalidRequestError: It is no such message, has no domain, or gives hits back.
            EvaluationError: An expression of a limit fails on it.
        """
        now = self._clock()
        question = self._looked_up(request)
        denied = self._counters.check_and_add(question.asks, now)
        self._count(question, denied)
        if self.headers and question.asks:
            headers = rate_limit_headers(standings(question.asks, now, limited=denied is not None))
            answer = _with_headers(limited=denied is not None, headers=headers)
        else:
            answer = _OK if denied is None else _OVER_LIMIT
        self._metrics.seconds += self._clock() - now
        return answer

    async def decide_by_store(self, request: bytes, store: RedisStore) -> bytes:
        """The same as ``decide``, counted in ``store``.

        Raises:
            StoreError: The store did not answer.
        """
        now = self._clock()
        question = self._looked_up(request)
        denied = None
        found: Sequence[Standing] = ()
        if question.asks:
            denied, found = await store.check_and_add(question.asks)
        self._count(question, denied)
        if self.headers and found:
            ordered = most_restrictive_first(found, limited=denied is not None)
            answer = _with_headers(limited=denied is not None, headers=rate_limit_headers(ordered))
        else:
            answer = _OK if denied is None else _OVER_LIMIT
        self._metrics.seconds += self._clock() - now
        return answer

    def _looked_up(self, request: bytes) -> _Question:
        question = self._questions.get(request)
        if question is None:
            question = self._question(request)
            if len(request) <= _LONGEST_REMEMBERED:
                if len(self._questions) >= _MOST_REMEMBERED:
                    self._questions.clear()
                self._questions[request] = question
        return question

    def _count(self, question: _Question, denied: Ask | None) -> None:
        if denied is None:
            question.calls.authorized += 1
            question.calls.hits += question.hits
        else:
            question.calls.limited[denied.name] += 1
        self._metrics.calls += 1

    def _question(self, request: bytes) -> _Question:
        try:
            asked = _Request.FromString(request)
        except DecodeError:
            raise InvalidRequestError("not a RateLimitRequest") from None
        domain: str = asked.domain
        if not domain:
            raise InvalidRequestError("domain: is empty")
        default = asked.hits_addend or 1
        descriptors, hits = [], []
        for descriptor in asked.descriptors:
            if descriptor.is_negative_hits:
                raise InvalidRequestError("descriptors: is_negative_hits is not supported")
            descriptors.append({entry.key: entry.value for entry in descriptor.entries})
            hits.append(descriptor.hits_addend.value if descriptor.HasField("hits_addend") else default)
        hits = hits or [default]
        limits = self._namespaces.get(domain)
        if limits is None:
            return _Question(self._metrics.unlimited, (), max(hits))
        return _Question(self._metrics.namespaces[domain], limits.asks(descriptors, hits), max(hits))

    async def ShouldRateLimit(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:  # noqa: N802 - the method's name in Envoy's API
        """Answer one call. What cannot be decided is an error, so that the caller's failure mode decides.

        Envoy takes an answer with the code ``UNKNOWN`` for an ``OK``, so that is never sent.
        """
        try:
            if self.store is None:
                return self.decide(request)
            return await self.decide_by_store(request, self.store)
        except InvalidRequestError as error:
            code, details = grpc.StatusCode.INVALID_ARGUMENT, str(error)
        except (EvaluationError, StoreError) as error:
            code, details = grpc.StatusCode.UNAVAILABLE, str(error)
        except Exception:
            _LOGGER.exception("a rate limit request could not be decided")
            code, details = grpc.StatusCode.INTERNAL, "internal error"
        self._metrics.errors[code.name] += 1
        return await context.abort(code, details)  # type: ignore[no-any-return] # it raises

    @property
    def registry(self) -> CollectorRegistry:
        """The metrics, for example for ``prometheus_client.start_http_server(port, registry=...)``."""
        return self._metrics.registry

    def metrics(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self._metrics.registry)


def _with_headers(*, limited: bool, headers: list[tuple[str, str]]) -> bytes:
    response = _Response(overall_code="OVER_LIMIT" if limited else "OK")
    for key, value in headers:
        response.response_headers_to_add.add(key=key, value=value)
    encoded: bytes = response.SerializeToString()
    return encoded
