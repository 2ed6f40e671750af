"""The port at which `kuadrant limits` asks for counters, `kuadrant tap` for decisions, and both the console.

They ask through the API server. Who shows the pod's UID gets values masked. Who also shows that he has the
installation's key, and so could ask for any limit as a gateway, gets the values.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import msgspec

from kuadrant.api.counter_page import MOST, PATH, PROOF_HEADER, is_proof
from kuadrant.api.decision_page import PATH as DECISIONS_PATH
from kuadrant.api.decision_page import DecisionQuestion
from kuadrant.api.limit_calls import PATH as CALLS_PATH
from kuadrant.operations import OperationsServer
from kuadrant.ratelimit import CounterAnswers, DecisionAnswers, TooOftenError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.ratelimit import RateLimitService
    from kuadrant.settings import RatelimitSettings
    from kuadrant.wasm.http_request import Request


_MOST_DIGITS = 24
_CALLS_SECONDS = 1.0


def counter_server(
    service: RateLimitService, settings: RatelimitSettings, *, now: Callable[[], float] = time.time
) -> OperationsServer:
    """Return the server of that port, not yet started; ``now`` gives seconds since 1970."""
    answers = CounterAnswers(service, time.monotonic)
    decided = DecisionAnswers(service, time.monotonic)

    def may_see(request: Request) -> bool:
        shown = request.headers.get(PROOF_HEADER, "")
        return is_proof(shown, service.callers.keys, settings.pod_uid, now())

    def page(request: Request) -> bytes:
        asked = _asked(request)
        most = _number(asked.get("most", ""), len(str(MOST)))
        try:
            return msgspec.json.encode(
                answers.page(
                    asked.get("policy", ""), MOST if most is None else most, show_values=may_see(request)
                )
            )
        except TooOftenError:
            return msgspec.json.encode({"busy": True})

    def decisions(request: Request) -> bytes:
        asked = _asked(request)
        question = DecisionQuestion(
            after=_number(asked.get("after", ""), _MOST_DIGITS),
            policy=asked.get("policy", ""),
            headers=tuple(filter(None, asked.get("headers", "").split(","))),
            values=may_see(request),
        )
        return msgspec.json.encode(decided.page(question))

    calls = _Calls(service)

    return OperationsServer(
        {},
        settings.address,
        settings.counters_port,
        questions={PATH: page, DECISIONS_PATH: decisions, CALLS_PATH: calls.page},
        key=lambda: settings.pod_uid,
    )


class _Calls:
    """The calls of a service; one look, which is in the way of requests, does for all who ask meanwhile."""

    def __init__(self, service: RateLimitService) -> None:
        self._service = service
        self._told = b""
        self._next = 0.0

    def page(self, _: Request) -> bytes:
        now = time.monotonic()
        if now >= self._next:
            self._told = msgspec.json.encode(self._service.calls())
            self._next = now + _CALLS_SECONDS
        return self._told


def _asked(request: Request) -> dict[str, str]:
    """Return the first value of each word of a request's query."""
    return {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}


def _number(text: str, digits: int) -> int | None:
    """Return the number that is written with so many ``digits`` at most; None if it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
