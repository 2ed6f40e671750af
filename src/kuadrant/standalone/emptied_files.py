"""Decides that a file or a folder that has become empty is a mistake, and no wish to remove objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.standalone.folder_files import File

if TYPE_CHECKING:
    from pathlib import Path


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
