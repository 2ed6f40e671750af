"""The pages of the console by the path of their address."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from contextlib import nullcontext
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import msgspec

from kuadrant.api.limit_calls import CallTotals
from kuadrant.console.console_state import ConsoleState
from kuadrant.console.limits_page import MOST_COUNTERS, limits_page
from kuadrant.console.modules_page import modules_page
from kuadrant.console.now_page import now_page
from kuadrant.console.policy_page import policies_page, policy_page
from kuadrant.console.sources import SourceError
from kuadrant.console.topology_index import TopologyIndex
from kuadrant.console.topology_page import topology_page
from kuadrant.console.try_page import MOST_AT_ONCE, Tried, try_page
from kuadrant.explanation import RequestError

if TYPE_CHECKING:
    from kuadrant.console.sources import Sources
    from kuadrant.console.state_store import StateStore
    from kuadrant.wasm.http_request import Request

TRY_HEADER: Final = "x-kuadrant-try"
"""Of a request for ``/api/try``: what is tried, as the base64 of JSON.

It is in no address, which browsers and proxies keep, and no other site's page can send the field.
"""
_LONGEST_QUERY: Final = 200
_MOST_PAGE: Final = 1_000_000

Page = tuple[HTTPStatus, dict[str, Any]]
_Look = Callable[["Request", ConsoleState, TopologyIndex], Page]


class Pages:
    """Makes pages of the state and of what sources say, beside the event loop: that decides requests."""

    def __init__(self, state: StateStore, sources: Sources) -> None:
        self._state = state
        self._sources = sources
        self._trying = asyncio.Semaphore(MOST_AT_ONCE)

    async def page(self, request: Request) -> tuple[HTTPStatus, bytes] | None:
        """Return a page as JSON; None if there is none of that path."""
        path = request.target.partition("?")[0]
        if path == "/api/limits":
            return await self._limits(request)
        look = _LOOKS.get(path)
        if look is None:
            return None
        shown, index = await self._state.indexed()
        async with self._trying if look is _try else nullcontext():
            return await asyncio.to_thread(self._encoded, shown, lambda: look(request, shown, index))

    def _encoded(self, shown: ConsoleState, make: Callable[[], Page]) -> tuple[HTTPStatus, bytes]:
        status, body = make()
        told = {"boot": self._state.boot, "version": shown.version, "place": shown.place, **body}
        return status, msgspec.json.encode(told)

    async def _limits(self, request: Request) -> tuple[HTTPStatus, bytes]:
        counters = await self._sources.counters(text_of(request, "policy"), MOST_COUNTERS)
        try:
            totals, problem = await self._sources.totals(), ""
        except SourceError as error:
            totals, problem = CallTotals(), str(error)
        return await asyncio.to_thread(
            self._encoded, self._state.shown, lambda: (HTTPStatus.OK, limits_page(totals, counters, problem))
        )


def _now(_: Request, shown: ConsoleState, index: TopologyIndex) -> Page:
    return HTTPStatus.OK, now_page(shown, index)


def _topology(request: Request, shown: ConsoleState, index: TopologyIndex) -> Page:
    return HTTPStatus.OK, topology_page(shown, index, text_of(request, "q"), number_of(request, "page"))


def _policies(request: Request, shown: ConsoleState, index: TopologyIndex) -> Page:
    return HTTPStatus.OK, policies_page(shown, index, text_of(request, "q"), number_of(request, "page"))


def _policy(request: Request, shown: ConsoleState, index: TopologyIndex) -> Page:
    name = text_of(request, "name")
    found = policy_page(shown, index, name, number_of(request, "page"))
    if found is None:
        return HTTPStatus.NOT_FOUND, {"problem": f"there is no RateLimitPolicy {name}"}
    return HTTPStatus.OK, found


def _modules(_: Request, shown: ConsoleState, _index: TopologyIndex) -> Page:
    return HTTPStatus.OK, modules_page(shown)


def _try(request: Request, shown: ConsoleState, index: TopologyIndex) -> Page:
    if shown.configuration is None:
        return HTTPStatus.SERVICE_UNAVAILABLE, {"problem": "there is no configuration yet"}
    try:
        tried = _tried(request.headers.get(TRY_HEADER, ""))
        return HTTPStatus.OK, try_page(shown.configuration, index, tried)
    except RequestError as error:
        return HTTPStatus.BAD_REQUEST, {"problem": str(error)}


_LOOKS: Final[dict[str, _Look]] = {
    "/api/now": _now,
    "/api/topology": _topology,
    "/api/policies": _policies,
    "/api/policy": _policy,
    "/api/modules": _modules,
    "/api/try": _try,
}


def text_of(request: Request, name: str) -> str:
    """Return a parameter of the query, cut where nobody writes more; nothing if it is not there."""
    found = parse_qs(request.target.partition("?")[2], max_num_fields=20).get(name, [""])
    return found[0][:_LONGEST_QUERY]


def number_of(request: Request, name: str) -> int:
    """Return a parameter of the query that is a number; 0 if it is none."""
    text = text_of(request, name)
    return min(int(text), _MOST_PAGE) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _tried(shown: str) -> Tried:
    """Read what is tried.

    Raises:
        RequestError: It is nothing that can be.
    """
    try:
        return msgspec.json.decode(base64.b64decode(shown, validate=True), type=Tried)
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise RequestError(f"this is no request that can be tried: {error}") from None
