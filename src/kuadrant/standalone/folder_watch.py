"""Notices that something changed in the folder."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from watchfiles import awatch

from kuadrant import log
from kuadrant.standalone.folder_selection import TEST_SUFFIXES, Entry, FolderError, SingleFile, walk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

logger = log.get("kuadrant")

_LOOK_SECONDS: Final = 1.0
_LONGEST_PAUSE: Final = 5.0
_PAUSES: Final = 10
"""After a look there is a pause of so many times its length, at most of `_LONGEST_PAUSE`."""
_MOST_WATCHED: Final = 1024
"""Folders of which the system is asked to tell: each takes time when it is asked, and calls wait for that."""


async def changes(folder: Path, stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield each time that something below ``folder`` changed, until ``stop`` is set.

    What the system tells is seen at once; what it does not tell (of links' targets, of a folder that is made
    anew, of network file systems, of names that are no UTF-8, and when it has no watches left) is seen by
    looking each second, less often where looking takes long.
    """
    loop = asyncio.get_running_loop()
    seen = _look(folder)  # before anything is awaited: whoever reads the folder next misses nothing
    said = _Said()
    next_look = 0.0
    while not stop.is_set():
        watched = seen.folders[:_MOST_WATCHED]
        async with contextlib.aclosing(_ticks(watched or (str(folder),), stop, said)) as ticks:
            async for told in ticks:
                began = loop.time()
                if not told and began < next_look:
                    continue
                now = await asyncio.to_thread(_look, folder)
                next_look = loop.time() + min(_LONGEST_PAUSE, (loop.time() - began) * _PAUSES)
                if now != seen or (told and not now.is_single):
                    before, seen = seen, now
                    yield
                    if now.identities != before.identities:
                        break  # there are other folders now: those are to be watched


class _Said:
    """Remembers whether it was said that the system tells nothing: once is enough."""

    def __init__(self) -> None:
        self._said = False

    def say(self, error: Exception) -> None:
        if not self._said:
            self._said = True
            problem = ascii(error.exceptions[0] if isinstance(error, ExceptionGroup) else error)
            logger.info(
                "the system does not tell of all changes; the folder is looked at each second",
                problem=problem,
            )


async def _ticks(folders: tuple[str, ...], stop: asyncio.Event, said: _Said) -> AsyncGenerator[bool, None]:
    """Yield True for each change in ``folders`` that the system tells of, and False each second.

    A change of a file that only holds tests is none.

    End when it tells nothing any more.
    """
    milliseconds = round(_LOOK_SECONDS * 1000)
    try:
        # Not what is below them: the library would follow each link there, to whatever it leads.
        async for told in awatch(
            *folders,
            step=20,
            debounce=100,
            stop_event=stop,
            watch_filter=None,
            rust_timeout=milliseconds,
            yield_on_timeout=True,
            recursive=False,
        ):
            yield any(not path.endswith(TEST_SUFFIXES) for _, path in told)
    except Exception as error:  # noqa: BLE001 - see below
        # There is no folder, the system has no watches left, or it has told of a name that the library cannot
        # read. Whatever it is, changes are seen without it.
        said.say(error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
        yield False


class _Look(Struct, frozen=True):
    """Holds what differs after a change: which folders there are, and place, size and time of each file."""

    folders: tuple[str, ...] = ()
    identities: tuple[tuple[int, ...], ...] = ()
    files: tuple[tuple[str, tuple[int, ...]], ...] = ()
    problem: object = None
    is_single: bool = False
    """What the system tells of its folder is mostly about other files."""


def _look(folder: Path) -> _Look:
    try:
        found = walk(folder)
    except FolderError as error:
        return _Look(problem=str(error))
    return _Look(
        found.folders,
        tuple(_identity(path) for path in found.folders),
        tuple((entry.path, _version(entry)) for entry in found.files),
        found.dark,
        any(isinstance(entry, SingleFile) for entry in found.files),
    )


def _identity(path: str) -> tuple[int, ...]:
    try:
        status = Path(path).stat()
    except OSError:
        return ()
    return (status.st_dev, status.st_ino)


def _version(entry: Entry) -> tuple[int, ...]:
    try:
        status = entry.stat()
    except OSError:
        return ()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
