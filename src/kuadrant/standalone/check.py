"""Checks files, folders and standard input."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.findings import Finding, findings
from kuadrant.standalone.folder_files import File, read_below
from kuadrant.standalone.folder_selection import FolderError, printable
from kuadrant.standalone.plan import compile_folder, read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.standalone.plan import PlanSettings

STANDARD_INPUT = "-"
_STANDARD_INPUT_NAME = "<stdin>"


class Checked(Struct, frozen=True):
    """The findings, in how many objects and files, and whether all of it could be read."""

    findings: tuple[Finding, ...]
    objects: int
    files: int

    @property
    def is_read(self) -> bool:
        """Tell whether every file could be read."""
        return not any(one.code == "not-readable" for one in self.findings)


def check(paths: Iterable[str], surroundings: PlanSettings) -> Checked:
    """Look at all documents of ``paths`` together: folders, files, and ``-`` for standard input.

    Raises:
        FolderError: A path does not exist, or is a folder that cannot be read.
    """
    paths = tuple(paths)
    files = tuple(_files(paths))
    of = read(files)
    first = _STANDARD_INPUT_NAME if paths[0] == STANDARD_INPUT else printable(paths[0])
    found = findings(of, compile_folder(of, surroundings), name=first)
    return Checked(found, len(of.sources), len(files))


def _files(paths: tuple[str, ...]) -> Iterable[File]:
    """Yield the files of each path, each once, by the names that people reach them by."""
    seen: set[str] = set()
    for path in paths:
        if path == STANDARD_INPUT:
            yield _standard_input()
            continue
        if not Path(path).exists():
            raise FolderError(f"{printable(path)} does not exist; give a folder, a file or -")
        for file in read_below(Path(path)):
            real = os.path.realpath(file.path)
            if real not in seen:
                seen.add(real)
                yield file


def _standard_input() -> File:
    try:
        return File(_STANDARD_INPUT_NAME, sys.stdin.buffer.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return File(_STANDARD_INPUT_NAME, error=f"is not UTF-8 text (byte {error.start})")
