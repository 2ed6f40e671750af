"""The folder of YAML: read whole, and read again when it changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec import Struct
from watchfiles import awatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SUFFIXES = (".yaml", ".yml", ".json")
_SETTLE_SECONDS = 0.02
_MAX_FILE_BYTES = 16 * 1024 * 1024


class File(Struct, frozen=True):
    """One file of the folder: its path relative to the folder, and its text; ``error`` says why there is none."""

    path: str
    text: str = ""
    error: str | None = None


class FolderError(Exception):
    """The folder cannot be read at all."""


def read(folder: Path) -> tuple[File, ...]:
    """Return the YAML and JSON files below ``folder``, sorted by path; hidden ones are left out.

    Raises:
        FolderError: it is no folder, or may not be listed.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise FolderError(f"{folder} {what}; give a folder with YAML files")
    try:
        paths = sorted(path for path in folder.rglob("*") if _is_ours(folder, path))
    except OSError as error:
        raise FolderError(f"{folder} cannot be listed: {error.strerror}") from error
    return tuple(_read_file(folder, path) for path in paths)


def _is_ours(folder: Path, path: Path) -> bool:
    relative = path.relative_to(folder)
    return (
        path.suffix in SUFFIXES
        and not any(part.startswith(".") for part in relative.parts)
        and not path.is_dir()
    )


def _read_file(folder: Path, path: Path) -> File:
    name = str(path.relative_to(folder))
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            return File(name, error=f"is larger than {_MAX_FILE_BYTES // 1024 // 1024} MiB")
        return File(name, path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        return File(name, error=f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        return File(name, error=f"is not UTF-8 text (byte {error.start})")


async def read_settled(folder: Path) -> tuple[File, ...]:
    """Return the folder as ``read`` does, once two reads in a row agree.

    An editor that writes a file in steps would otherwise show us half of it, and half a folder can be valid YAML.

    Raises:
        FolderError: as ``read``.
    """
    before = await asyncio.to_thread(read, folder)
    while True:
        await asyncio.sleep(_SETTLE_SECONDS)
        after = await asyncio.to_thread(read, folder)
        if after == before:
            return after
        before = after


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
    """Yield each time that something below ``folder`` changed, until ``stop`` is set."""
    async for _ in awatch(
        folder, step=20, debounce=100, stop_event=stop, watch_filter=None, rust_timeout=1000
    ):
        yield
