"""The folder of YAML: read whole, and read again when it changes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from watchfiles import awatch

from kuadrant import log

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

logger = log.get("kuadrant")

SUFFIXES = (".yaml", ".yml", ".json")
_SETTLE_SECONDS = 0.02
_DOUBTFUL_SECONDS = 0.3
_LOOK_SECONDS = 1.0
_MIB = 1024 * 1024
_MAX_FILE_BYTES = 16 * _MIB
_MAX_FOLDER_BYTES = 64 * _MIB
"""Of all files together: a cluster's store of everything holds a few times that."""


class File(Struct, frozen=True):
    """One file of the folder: its path relative to the folder, as `printable`, and its text.

    ``error`` says why there is none.
    """

    path: str
    text: str = ""
    error: str | None = None


class FolderError(Exception):
    """The folder cannot be read at all."""


def printable(path: Path | str) -> str:
    """Return a path for people.

    What is no UTF-8, such as an accent of Latin-1, is escaped with a backslash, ``x`` and two digits.
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def read(folder: Path) -> tuple[File, ...]:
    """Return the YAML and JSON files below ``folder``, sorted by path.

    Hidden ones are left out, links are followed.

    What goes beyond ``_MAX_FOLDER_BYTES`` is not read and says so.

    Raises:
        FolderError: it is no folder, or it or one below it may not be listed.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise FolderError(f"{printable(folder)} {what}; give a folder with YAML files")
    try:
        paths = sorted(_paths(folder))
    except OSError as error:
        raise FolderError(
            f"{printable(error.filename or folder)} cannot be listed: {error.strerror}"
        ) from error
    files = []
    left = _MAX_FOLDER_BYTES
    for path in paths:
        file, size = _read_file(folder, path, left)
        left -= size
        files.append(file)
    return tuple(files)


def _paths(folder: Path) -> Iterator[Path]:
    """Yield the files that are ours, however deep they are.

    A folder below that cannot be listed is an error: what it holds would be missed.
    """
    entered = set()
    left = [folder]
    while left:
        root = left.pop()
        status = root.stat()
        if (status.st_dev, status.st_ino) in entered:  # a link back to where it is
            continue
        entered.add((status.st_dev, status.st_ino))
        with os.scandir(root) as entries:
            seen = [(Path(one), _is_folder(one)) for one in entries if not one.name.startswith(".")]
        left += sorted((path for path, is_folder in seen if is_folder), reverse=True)
        yield from (path for path, is_folder in seen if not is_folder and path.name.endswith(SUFFIXES))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # what it leads to may not be looked at
        return False


def _read_file(folder: Path, path: Path, left: int) -> tuple[File, int]:
    """Return a file and how many bytes of the ``left`` ones it takes."""
    name = printable(path.relative_to(folder))
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would not end
            return File(name, error="is not a regular file"), 0
        # It may be another by now, and have grown.
        with open(path, "rb", opener=_without_waiting) as opened:
            data = opened.read(min(_MAX_FILE_BYTES, left) + 1)
        if len(data) > _MAX_FILE_BYTES:
            return File(name, error=f"is larger than {_MAX_FILE_BYTES // _MIB} MiB"), 0
        if len(data) > left:
            return File(
                name, error=f"is not read: the folder has more than {_MAX_FOLDER_BYTES // _MIB} MiB"
            ), 0
        return File(name, data.decode("utf-8-sig")), len(data)
    except OSError as error:
        return File(name, error=f"cannot be read: {error.strerror}"), 0
    except UnicodeDecodeError as error:
        return File(name, error=f"is not UTF-8 text (byte {error.start})"), 0


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe, too, without waiting for who writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)


async def read_settled(folder: Path, known: tuple[File, ...] = ()) -> tuple[File, ...]:
    """Return the folder as ``read`` does, once two reads in a row agree.

    An editor that writes a file in steps would otherwise show us half of it, and half a folder can be valid
    YAML. Where files that were ``known`` are gone or hold only the beginning of their text, the wait is
    longer: an editor that puts the old file aside, or a checkout of another branch, may not be done.

    Raises:
        FolderError: as ``read``.
    """
    before = await asyncio.to_thread(read, folder)
    while True:
        await asyncio.sleep(_DOUBTFUL_SECONDS if _lacks(before, known) else _SETTLE_SECONDS)
        after = await asyncio.to_thread(read, folder)
        if after == before:
            return after
        before = after


def _lacks(files: tuple[File, ...], known: tuple[File, ...]) -> bool:
    texts = {file.path: file.text for file in files}
    return any(
        file.path not in texts or (texts[file.path] != file.text and file.text.startswith(texts[file.path]))
        for file in known
    )


def emptied(before: tuple[File, ...], after: tuple[File, ...]) -> tuple[File, ...]:
    """Return an error for each file that held text and is now empty.

    Many programs empty a file before they write it. Taking that for the wish to remove its objects would open
    or close routes by accident; who means it removes the file.
    """
    held = {file.path for file in before if file.text.strip()}
    return tuple(
        File(file.path, error="has become empty; remove the file to remove its objects")
        for file in after
        if file.path in held and file.error is None and not file.text.strip()
    )


async def changes(folder: Path, stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield each time that something below ``folder`` changed, until ``stop`` is set.

    What the system tells is seen at once; what it does not tell (of links' targets, of a folder that is made
    anew, of network file systems, of names that are no UTF-8, and when it has no watches left) is seen by
    looking each second.
    """
    seen = _look(folder)
    said = _Said()
    while not stop.is_set():
        async with contextlib.aclosing(_ticks(folder, stop, said)) as ticks:
            async for told in ticks:
                now = await asyncio.to_thread(_look, folder)
                if told or now != seen:
                    before, seen = seen, now
                    yield
                    if now[:1] != before[:1]:
                        break  # another folder has its name: that one is to be watched


class _Said:
    """Whether it was said that the system tells nothing: once is enough."""

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


async def _ticks(folder: Path, stop: asyncio.Event, said: _Said) -> AsyncGenerator[bool, None]:
    """Yield True for each change that the system tells of, and False each second.

    End when it tells nothing any more.
    """
    milliseconds = round(_LOOK_SECONDS * 1000)
    try:
        async for told in awatch(
            folder,
            step=20,
            debounce=100,
            stop_event=stop,
            watch_filter=None,
            rust_timeout=milliseconds,
            yield_on_timeout=True,
        ):
            yield bool(told)
    except Exception as error:  # noqa: BLE001 - see below
        # There is no folder, the system has no watches left, or it has told of a name that the library cannot
        # read. Whatever it is, changes are seen without it.
        said.say(error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
        yield False


def _look(folder: Path) -> tuple[object, ...]:
    """Return what differs after a change: which folder it is, then place, size and time of each file."""
    try:
        status = folder.stat()
        return ((status.st_dev, status.st_ino), *((path, _place(path)) for path in sorted(_paths(folder))))
    except OSError as error:
        return (ascii(error),)


def _place(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
