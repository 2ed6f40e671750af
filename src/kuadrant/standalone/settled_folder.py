"""Decides when a change of the folder is meant: it rests, and nothing in it has merely become empty."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kuadrant import log
from kuadrant.standalone.folder_files import File, read

if TYPE_CHECKING:
    from pathlib import Path

logger = log.get("kuadrant")

_SETTLE_SECONDS = 0.02
_DOUBTFUL_SECONDS = 0.3
_PATIENCE_SECONDS = 5.0
_TOLD = 5


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
