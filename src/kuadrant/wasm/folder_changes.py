"""Notices that modules were written or chosen, and what says who vouches for them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

from kuadrant.wasm import lock
from kuadrant.wasm.catalogue import CHOSEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_LOOK_SECONDS = 0.5
# Beside modules: what they are, who is trusted, and who vouches for them.
_FOLLOWED = (lock.NAME, ".pem", ".pub", ".statement.json")

State = tuple[tuple[str, int, int, int], ...]


async def changes(*folders: Path, since: State | None = None) -> AsyncIterator[None]:
    """Yield each time that a module or the lock file was written or chosen, within half a second of it.

    So it does for keys and statements.

    What has changed ``since`` then counts, too; by default it is now.
    """
    seen = state(*folders) if since is None else since
    while True:
        now = state(*folders)
        if now != seen:
            seen = now
            yield
        await asyncio.sleep(_LOOK_SECONDS)


def state(*folders: Path) -> State:
    """Return what differs when in one of ``folders`` a module or the lock file was written or another chosen.

    So it does for keys and statements; one of them may also be the file of a key.
    """
    found: list[tuple[str, int, int, int]] = []
    for folder in folders:
        if not folder.is_dir():
            found += _version(folder)
            continue
        with contextlib.suppress(OSError), os.scandir(folder) as files:
            for file in files:
                if file.name.startswith(CHOSEN) or file.name.endswith(_FOLLOWED):
                    found += _version(file)
    return tuple(sorted(found))


def _version(file: os.DirEntry[str] | Path) -> State:
    with contextlib.suppress(OSError):
        status = file.stat()
        return ((file.name, status.st_ino, status.st_size, status.st_mtime_ns),)
    return ()
