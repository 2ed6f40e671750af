"""The folder of YAML, read whole when it rests."""

from __future__ import annotations

import asyncio
import os
import stat
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant import log
from kuadrant.standalone.folder_walk import printable, walk

if TYPE_CHECKING:
    from pathlib import Path

logger = log.get("kuadrant")

_SETTLE_SECONDS = 0.02
_DOUBTFUL_SECONDS = 0.3
_PATIENCE_SECONDS = 5.0
_TOLD = 5
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


def read(folder: Path) -> tuple[File, ...]:
    """Return the YAML and JSON files below ``folder``, sorted by path.

    Hidden ones are left out, links are followed.

    What goes beyond ``_MAX_FOLDER_BYTES`` is not read and says so; so does a link that may lead to a folder
    and cannot be followed, since what it holds would be missed.

    Raises:
        FolderError: it cannot be read (``kuadrant.standalone.folder_walk``).
    """
    found = walk(folder)
    start = len(found.folders[0].rstrip(os.sep)) + 1
    files = [
        File(
            printable(path[start:]),
            error=f"leads to what cannot be looked at ({why}); bring that back, or remove the link",
        )
        for path, why in found.dark
    ]
    left = _MAX_FOLDER_BYTES
    for entry in found.files:
        file, size = _read_file(entry, printable(entry.path[start:]), left)
        left -= size
        files.append(file)
    return tuple(files)


def _read_file(entry: os.DirEntry[str], name: str, left: int) -> tuple[File, int]:
    """Return a file and how many bytes of the ``left`` ones it takes."""
    try:
        status = entry.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would not end
            return File(name, error="is not a regular file"), 0
        data = b""
        if status.st_size <= _MAX_FILE_BYTES:
            # It may be another by now, and have grown.
            with open(entry.path, "rb", opener=_without_waiting) as opened:
                data = opened.read(min(_MAX_FILE_BYTES, left) + 1)
        if max(status.st_size, len(data)) > _MAX_FILE_BYTES:
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

    While files do not rest, it is said which.

    Raises:
        FolderError: as ``read``.
    """
    loop = asyncio.get_running_loop()
    patience = _PATIENCE_SECONDS
    tell_at = loop.time() + patience
    before = await asyncio.to_thread(read, folder)
    while True:
        await asyncio.sleep(_DOUBTFUL_SECONDS if _lacks(before, known) else _SETTLE_SECONDS)
        after = await asyncio.to_thread(read, folder)
        if after == before:
            return after
        if loop.time() >= tell_at:
            restless = sorted({file.path for file in {*before} ^ {*after}})
            logger.warning("the folder is taken when its files rest", files=restless[:_TOLD])
            patience *= 2
            tell_at = loop.time() + patience
        before = after


def _lacks(files: tuple[File, ...], known: tuple[File, ...]) -> bool:
    texts = {file.path: file.text for file in files}
    return any(
        file.path not in texts or (texts[file.path] != file.text and file.text.startswith(texts[file.path]))
        for file in known
    )


def emptied(folder: Path, before: tuple[File, ...], after: tuple[File, ...]) -> tuple[File, ...]:
    """Return an error for each file, and each folder, that held text and is now empty.

    Many programs empty a file before they write it, and a disk that was unmounted leaves an empty folder.
    Taking that for the wish to remove its objects would open or close routes by accident; who means it
    removes the file or the folder.
    """
    held = {file.path for file in before if file.text.strip()}
    files = [
        File(file.path, error="has become empty; remove the file to remove its objects")
        for file in after
        if file.path in held and file.error is None and not file.text.strip()
    ]
    if held and not after:
        return (File(".", error="has become empty; to remove all objects, put an empty file there"),)
    texts = {file.text for file in after}  # what has another place now is not gone
    lost = [file.path for file in before if file.path in held and file.text not in texts]
    gone = {place for path in lost for place in _places(path)}
    gone -= {place for file in after for place in _places(file.path)}
    files += (
        File(place, error="has become an empty folder; remove the folder to remove its objects")
        for place in sorted(gone)
        if _is_folder(folder / place)
    )
    return tuple(files)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # it cannot be reached, and reading the folder has said why
        return False


def _places(path: str) -> tuple[str, ...]:
    """Return a path and the folders that it is in."""
    parts = path.split("/")
    return tuple("/".join(parts[: count + 1]) for count in range(len(parts)))
