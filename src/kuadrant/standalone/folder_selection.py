"""Selects what is read of a folder: files of YAML and JSON, the folders that hold them; hidden ones not.

A single file stands for a folder that holds nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from msgspec import Struct

SUFFIXES: Final = (".yaml", ".yml", ".json")
TEST_SUFFIXES: Final = tuple(f".kuadrant-test{suffix}" for suffix in SUFFIXES)
"""Of files that hold tests of policies: they may lie beside the policies, and are no part of them."""
_MOST_ENTRIES: Final = 50_000
"""Files and folders that are looked at: a folder of YAML is smaller, a link to a whole disk is not."""


class FolderError(Exception):
    """The folder cannot be read at all."""


class SingleFile(Struct, frozen=True):
    """A file that was named by itself, as the entry of a folder."""

    path: str

    def stat(self) -> os.stat_result:
        """Return what the system says of it."""
        return os.stat(self.path)  # noqa: PTH116 - as of os.DirEntry


Entry = os.DirEntry[str] | SingleFile


class Walk(Struct, frozen=True):
    """The contents of a folder, at any depth.

    ``files`` are ours, in the order of their paths. ``folders`` are all that were looked into, the folder
    itself first. ``dark`` are links of which nobody can tell whether they lead to a folder, and why.
    ``tests`` are files with tests of policies, which are not among the ``files``.
    """

    files: tuple[Entry, ...]
    folders: tuple[str, ...]
    dark: tuple[tuple[str, str], ...]
    tests: tuple[os.DirEntry[str], ...] = ()


def printable(path: Path | str) -> str:
    """Return a path for people.

    What is no UTF-8, such as an accent of Latin-1, is escaped with a backslash, ``x`` and two digits.
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def walk(folder: Path) -> Walk:
    """Return what is below ``folder``, however deep. Hidden entries are left out, links are followed.

    A file is there by itself, whatever its name is.

    Raises:
        FolderError: it does not exist, it or one below it may not be listed (what that holds would be
            missed), a link leads to a folder that it is in, or it holds too much.
    """
    try:
        if folder.is_dir():
            return _Walker(folder).walk()
        if not folder.exists():
            raise FolderError(f"{printable(folder)} does not exist; give a folder or a file of YAML")
        return Walk((SingleFile(str(folder)),), (str(folder.parent),), ())
    except OSError as error:
        raise FolderError(
            f"{printable(error.filename or folder)} cannot be listed: {error.strerror}"
        ) from error


class _Walker:
    """One walk."""

    def __init__(self, folder: Path) -> None:
        self._left = [str(folder)]
        self._above = {_identity(parent.stat()) for parent in folder.resolve().parents}
        self._entered: set[tuple[int, int]] = set()
        self._count = 0
        self._files: list[os.DirEntry[str]] = []
        self._tests: list[os.DirEntry[str]] = []
        self._folders: list[str] = []
        self._dark: list[tuple[str, str]] = []

    def walk(self) -> Walk:
        while self._left:
            path = self._left.pop()
            if self._enters(path):
                self._folders.append(path)
                self._list(path)
        for entries in (self._files, self._tests):
            entries.sort(key=lambda entry: entry.path.split("/"))
        return Walk(tuple(self._files), tuple(self._folders), tuple(self._dark), tuple(self._tests))

    def _enters(self, path: str) -> bool:
        identity = _identity(Path(path).stat())
        if identity in self._above:
            raise FolderError(
                f"{printable(path)} leads to a folder that this one is in, and so to all that is there; "
                "remove the link"
            )
        if identity in self._entered:  # a link back to where it is
            return False
        self._entered.add(identity)
        return True

    def _list(self, path: str) -> None:
        below = []
        with os.scandir(path) as entries:
            for entry in entries:
                self._count += 1
                if self._count > _MOST_ENTRIES:
                    raise FolderError(
                        f"there are more than {_MOST_ENTRIES} files and folders, the last in "
                        f"{printable(path)}; remove what is not meant, such as a link to a whole disk"
                    )
                if not entry.name.startswith(".") and self._is_folder(entry):
                    below.append(entry.path)
        self._left += sorted(below, reverse=True)

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        """Tell whether it is one that is not known to be no folder; note it if it is a file of ours."""
        is_ours = entry.name.endswith(SUFFIXES)
        try:
            if entry.is_dir():
                return True
            if not is_ours and entry.is_symlink():
                entry.stat()
        except OSError as error:
            if not is_ours:  # else reading it says so
                self._dark.append((entry.path, error.strerror or str(error)))
        if is_ours:
            (self._tests if entry.name.endswith(TEST_SUFFIXES) else self._files).append(entry)
        return False


def _identity(status: os.stat_result) -> tuple[int, int]:
    return (status.st_dev, status.st_ino)
