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

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

SUFFIXES = (".yaml", ".yml", ".json")
_SETTLE_SECONDS = 0.02
_DOUBTFUL_SECONDS = 0.3
_LOOK_SECONDS = 1.0
_MAX_FILE_BYTES = 16 * 1024 * 1024


class File(Struct, frozen=True):
    """One file of the folder: its path relative to the folder, and its text; ``error`` says why there is none."""

    path: str
    text: str = ""
    error: str | None = None


class FolderError(Exception):
    """The folder cannot be read at all."""


def read(folder: Path) -> tuple[File, ...]:
    """Return the YAML and JSON files below ``folder``, sorted by path; hidden ones are left out, links are followed.

    Raises:
        FolderError: it is no folder, or it or one below it may not be listed.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise FolderError(f"{folder} {what}; give a folder with YAML files")
    try:
        paths = sorted(_paths(folder))
    except OSError as error:
        raise FolderError(f"{error.filename or folder} cannot be listed: {error.strerror}") from error
    return tuple(_read_file(folder, path) for path in paths)


def _paths(folder: Path) -> Iterator[Path]:
    """Yield the files that are ours. A folder below that cannot be listed is an error: what it holds would be missed."""
    entered = set()
    for root, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        status = Path(root).stat()
        if (status.st_dev, status.st_ino) in entered:  # a link back to where it is
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield Path(root, name)


def _raise(error: OSError) -> None:
    raise error


def _read_file(folder: Path, path: Path) -> File:
    name = str(path.relative_to(folder))
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would not end
            return File(name, error="is not a regular file")
        if status.st_size > _MAX_FILE_BYTES:
            return File(name, error=f"is larger than {_MAX_FILE_BYTES // 1024 // 1024} MiB")
        return File(name, path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        return File(name, error=f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        return File(name, error=f"is not UTF-8 text (byte {error.start})")


async def read_settled(folder: Path, known: tuple[File, ...] = ()) -> tuple[File, ...]:
    """Return the folder as ``read`` does, once two reads in a row agree.

    An editor that writes a file in steps would otherwise show us half of it, and half a folder can be valid YAML. Where
    files that were ``known`` are gone or hold only the beginning of their text, the wait is longer: an editor that
    puts the old file aside, or a checkout of another branch, may not be done.

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

    Many programs empty a file before they write it. Taking that for the wish to remove its objects would open or close
    routes by accident; who means it removes the file.
    """
    held = {file.path for file in before if file.text.strip()}
    return tuple(
        File(file.path, error="has become empty; remove the file to remove its objects")
        for file in after
        if file.path in held and file.error is None and not file.text.strip()
    )


async def changes(folder: Path, stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield each time that something below ``folder`` changed, until ``stop`` is set.

    What the system tells is seen at once; what it does not tell (of links' targets, of a folder that is made anew, of
    network file systems, and when it has no watches left) is seen by looking each second.
    """
    seen = _look(folder)
    while not stop.is_set():
        async with contextlib.aclosing(_ticks(folder, stop)) as ticks:
            async for told in ticks:
                now = await asyncio.to_thread(_look, folder)
                if told or now != seen:
                    before, seen = seen, now
                    yield
                    if now[:1] != before[:1]:
                        break  # another folder has its name: that one is to be watched


async def _ticks(folder: Path, stop: asyncio.Event) -> AsyncGenerator[bool, None]:
    """Yield True for each change that the system tells of, and False each second; end when it tells nothing any more."""
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
    except (OSError, RuntimeError):  # there is no folder, or the system has no watches left
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
        yield False


def _look(folder: Path) -> tuple[object, ...]:
    """Return what differs after a change: which folder it is, then place, size and time of each file."""
    try:
        status = folder.stat()
        return ((status.st_dev, status.st_ino), *((path, _place(path)) for path in sorted(_paths(folder))))
    except OSError as error:
        return (str(error),)


def _place(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
