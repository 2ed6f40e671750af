"""The pages of the console by the path of their address."""

from __future__ import annotations

import asyncio
import base64
import binascii
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import msgspec

from kuadrant.console.limits_page import MOST_COUNTERS, limits_page
from kuadrant.console.modules_page import modules_page
from kuadrant.console.now_page import now_page
from kuadrant.console.policy_page import policies_page, policy_page
from kuadrant.console.topology_page import topology_page
from kuadrant.console.try_page import Tried, try_page
from kuadrant.explanation import RequestError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kuadrant.console.board import Board
    from kuadrant.console.sources import Sources
    from kuadrant.wasm.http_request import Request

TRY_HEADER: Final = "x-kuadrant-try"
"""Of a request for ``/api/try``: what is tried, as the base64 of JSON.

It is in no address, which browsers and proxies keep, and no other site's page can send the field.
"""
_LONGEST_QUERY: Final = 200
_MOST_PAGE: Final = 1_000_000
_TRIED_AT_ONCE: Final = 2

Page = tuple[HTTPStatus, dict[str, Any]]


class Pages:
    """Makes pages of what a board shows, and of what sources say."""

    def __init__(self, board: Board, sources: Sources) -> None:
        self._board = board
        self._sources = sources
        self._trying = asyncio.Semaphore(_TRIED_AT_ONCE)
        self._made: dict[str, Callable[[Request], Awaitable[Page]]] = {
            "/api/now": self._now,
            "/api/topology": self._topology,
            "/api/policies": self._policies,
            "/api/policy": self._policy,
            "/api/limits": self._limits,
            "/api/modules": self._modules,
            "/api/try": self._try,
        }

    async def page(self, request: Request) -> tuple[HTTPStatus, bytes] | None:
        """Return a page as JSON; None if there is none of that path."""
        make = self._made.get(request.target.partition("?")[0])
        if make is None:
            return None
        status, body = await make(request)
        shown = self._board.shown
        told = {"boot": self._board.boot, "version": shown.version, "place": shown.place, **body}
        return status, msgspec.json.encode(told)

    async def _now(self, _: Request) -> Page:
        return HTTPStatus.OK, now_page(self._board.shown, self._board.index)

    async def _topology(self, request: Request) -> Page:
        query, page = text_of(request, "q"), number_of(request, "page")
        return HTTPStatus.OK, topology_page(self._board.shown, self._board.index, query, page)

    async def _policies(self, request: Request) -> Page:
        query, page = text_of(request, "q"), number_of(request, "page")
        return HTTPStatus.OK, policies_page(self._board.shown, self._board.index, query, page)

    async def _policy(self, request: Request) -> Page:
        name = text_of(request, "name")
        # Where limits are written may have to be read in a file.
        found = await asyncio.to_thread(
            policy_page, self._board.shown, self._board.index, name, number_of(request, "page")
        )
        if found is None:
            return HTTPStatus.NOT_FOUND, {"problem": f"there is no RateLimitPolicy {name}"}
        return HTTPStatus.OK, found

    async def _limits(self, request: Request) -> Page:
        counters = await self._sources.counters(text_of(request, "policy"), MOST_COUNTERS)
        return HTTPStatus.OK, limits_page(await self._sources.totals(), counters)

    async def _modules(self, _: Request) -> Page:
        return HTTPStatus.OK, modules_page(self._board.shown)

    async def _try(self, request: Request) -> Page:
        configuration = self._board.shown.configuration
        if configuration is None:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"problem": "there is no configuration yet"}
        try:
            tried = _tried(request.headers.get(TRY_HEADER, ""))
            async with self._trying:
                return HTTPStatus.OK, await asyncio.to_thread(
                    try_page, configuration, self._board.index, tried
                )
        except RequestError as error:
            return HTTPStatus.BAD_REQUEST, {"problem": str(error)}


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
