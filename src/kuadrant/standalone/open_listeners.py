"""Finds out whether Envoy has the ports of its listeners: that it takes a configuration does not say so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import httptools
import msgspec

from kuadrant import log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable

    from kuadrant.gateways.envoy import Address

logger = log.get("kuadrant")

_LOOK_SECONDS: Final = 1.0
_LONGEST_PAUSE: Final = 8.0
_POLL_SECONDS: Final = 0.05
_TIMES: Final = 3
_ASK_SECONDS: Final = 5.0
_QUESTION: Final = (
    b"GET /listeners?format=json HTTP/1.1\r\nhost: envoy\r\naccept: */*\r\nconnection: close\r\n\r\n"
)


class _Answer:
    """Holds what Envoy's admin page answers."""

    def __init__(self) -> None:
        self.body = b""

    def on_body(self, part: bytes) -> None:
        self.body += part


async def open_listeners(admin: Address) -> frozenset[str] | None:
    """Return the names of the listeners whose ports Envoy has; None if it does not tell."""
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            reader, writer = await asyncio.open_connection(admin.host, admin.port)
            try:
                writer.write(_QUESTION)
                parser.feed_data(await reader.read())
            finally:
                writer.close()
        found: dict[str, Any] = msgspec.json.decode(answer.body, type=dict[str, Any])
        return frozenset(one["name"] for one in found.get("listener_statuses", ()))
    except (OSError, TimeoutError, httptools.HttpParserError, msgspec.DecodeError, KeyError, TypeError):
        return None


async def opened(admin: Address, wanted: frozenset[str]) -> None:
    """Return when Envoy has the ports of all these listeners, and still has them a moment later.

    For that moment it names one that it is just about to give up.
    """
    seen = 0
    while seen < _TIMES:
        seen = seen + 1 if wanted <= (await open_listeners(admin) or frozenset()) else 0
        await asyncio.sleep(_POLL_SECONDS)


class KeptOpen:
    """Has Envoy try again to open what it could not: a port was another program's when Envoy came back.

    Args:
        wanted: the names of the listeners that Envoy is to have.
        opened: those whose ports it has, None if that is not known.
        again: tells Envoy of its listeners once more.
    """

    def __init__(
        self,
        wanted: Callable[[], Iterable[str]],
        opened: Callable[[], Awaitable[Collection[str] | None]],
        again: Callable[[], None],
    ) -> None:
        self._wanted = wanted
        self._opened = opened
        self._again = again
        self._missing: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Look each second until cancelled, less and less often while it does not help."""
        pause = _LOOK_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE) if await self.look() else _LOOK_SECONDS

    async def look(self) -> bool:
        """Try again what is missing now and was missing at the look before; return whether there is any.

        A change takes a moment.
        """
        before = frozenset(self._wanted()) & self._missing
        names = await self._opened()
        if names is None:
            return False
        self._missing = frozenset(self._wanted()) - frozenset(names)
        lasting = sorted(self._missing & before)
        if lasting:
            logger.error("a port cannot be opened, it is tried again", listeners=lasting)
            self._again()
        return bool(lasting)
