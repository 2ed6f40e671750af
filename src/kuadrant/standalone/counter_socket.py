"""Answers for counters and decisions of `kuadrant run`: a socket in a folder that is its user's alone.

A port, even of the loopback address, would be open to every user of the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import Struct, structs

from kuadrant import log
from kuadrant.api.counter_page import MOST, CounterPage
from kuadrant.api.decision_page import DecisionPage, DecisionQuestion
from kuadrant.ratelimit import CounterAnswers, DecisionAnswers, TooOftenError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from kuadrant.ratelimit import RateLimitService

logger = log.get("kuadrant")

_Page = TypeVar("_Page", CounterPage, DecisionPage)

_LONGEST: Final = 4096
_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.3


class CounterQuestion(Struct, frozen=True, kw_only=True, tag="counters"):
    """Says which counters are asked for: of one policy or all, how many, and whether with values."""

    policy: str = ""
    most: int = MOST
    values: bool = False


class AwayError(Exception):
    """No `kuadrant run` can be asked; the text says why."""


def socket_path(port: int) -> Path:
    """Return where the one with this first port is asked."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(given) / "kuadrant" if given else Path(tempfile.gettempdir()) / f"kuadrant-{os.getuid()}"
    return folder / f"run-{port}.sock"


def _unknown() -> None:
    """Tell nothing of the policies that there are."""


class CounterSocket:
    """Answers questions for counters and decisions, from ``start`` to ``stop``."""

    def __init__(
        self, service: RateLimitService, path: Path, policies: Callable[[], Collection[str] | None] = _unknown
    ) -> None:
        """Answer at ``path`` for ``service``; ``policies`` tells the names of those there are, if known."""
        self._policies = policies
        self._counters = CounterAnswers(service, time.monotonic)
        self._decisions = DecisionAnswers(service, time.monotonic)
        self._path = path
        self._server: asyncio.Server | None = None

    @property
    def is_listening(self) -> bool:
        """Tell whether it can be asked."""
        return self._server is not None

    async def start(self) -> None:
        """Listen; where that is not possible, it is said, and counters cannot be asked for.

        The place of another run that answers is left to it.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            require_own(self._path.parent)
            await _require_free(self._path)
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_LONGEST)
        except (OSError, AwayError) as error:
            logger.warning(
                "kuadrant limits and kuadrant tap cannot ask here", socket=str(self._path), problem=str(error)
            )

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, TimeoutError, msgspec.DecodeError):
            async with asyncio.timeout(_SECONDS):
                asked = msgspec.json.decode(await reader.readline(), type=CounterQuestion | DecisionQuestion)
                page = (
                    self._decisions.page(asked)
                    if isinstance(asked, DecisionQuestion)
                    else await self._page(asked)
                )
                writer.write(msgspec.json.encode(page))
                await writer.drain()
        writer.close()

    async def _page(self, asked: CounterQuestion) -> CounterPage:
        known = self._policies() if asked.policy else None
        if known is not None and asked.policy not in known:
            return CounterPage(policies=tuple(sorted(known)))
        while True:
            try:
                return self._counters.page(asked.policy, asked.most, show_values=asked.values)
            except TooOftenError:
                await asyncio.sleep(_PAUSE_SECONDS)


async def ask_run(port: int, asked: CounterQuestion) -> CounterPage:
    """Return where the counters of the `kuadrant run` of this user with this first port stand.

    Raises:
        AwayError: There is none, or it does not answer.
    """
    return await _ask(port, asked, CounterPage)


class FollowedRun:
    """Asks the `kuadrant run` of this user with this first port for its decisions, again and again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._next: int | None = None

    async def ask(self, asked: DecisionQuestion) -> Mapping[str, DecisionPage]:
        """Return what it has decided since it was asked last.

        Raises:
            AwayError: There is none, or it does not answer.
        """
        page = await _ask(self._port, structs.replace(asked, after=self._next), DecisionPage)
        self._next = page.next
        return {"kuadrant run": page}


async def _ask(port: int, asked: CounterQuestion | DecisionQuestion, answer: type[_Page]) -> _Page:
    path = socket_path(port)
    if not path.exists():
        raise AwayError(
            f"no kuadrant run of yours has port {port} (no {path}); give its --port, or --cluster"
        )
    try:
        require_own(path.parent)
        async with asyncio.timeout(2 * _SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(msgspec.json.encode(asked) + b"\n")
            page = msgspec.json.decode(await reader.read(), type=answer)
            writer.close()
            return page
    except (OSError, TimeoutError, msgspec.DecodeError) as error:
        raise AwayError(f"{path} does not answer: {str(error) or 'it takes too long'}") from None


async def _require_free(path: Path) -> None:
    """Check that nobody answers at ``path``.

    Raises:
        AwayError: Somebody does.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_unix_connection(path)
    except (OSError, TimeoutError):
        return
    writer.close()
    raise AwayError("another kuadrant run of yours is asked there")


def require_own(folder: Path) -> None:
    """Check that nobody else can put a socket into ``folder``.

    Raises:
        AwayError: Somebody can.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise AwayError(f"{folder} is not a folder of your own that others cannot enter (mode 0700)")
