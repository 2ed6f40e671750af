"""Reads the folder when it rests."""

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
