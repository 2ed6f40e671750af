"""Paths that commands are given: what cannot be one is wrong usage, and is said before anything is done."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kuadrant.wasm.whole_file import MOST_BYTES


def is_folder(_: object, path: Path | None) -> None:
    """Check that ``path`` is a folder, if it is given.

    Raises:
        ValueError: it is none.
    """
    if path is not None and not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise ValueError(f"{_printable(path)} {what}; give a folder")


def is_folder_or_file(_: object, path: Path) -> None:
    """Check that ``path`` is a folder, or a file that can be read.

    Raises:
        ValueError: it is neither.
    """
    if not path.is_dir():
        if not path.exists():
            raise ValueError(f"{_printable(path)} does not exist; give a folder or a file")
        is_file(None, path)


def is_given(_: object, path: TextOrPath) -> None:
    """Check that ``path`` is a folder, a file that can be read, or ``-`` for standard input.

    Raises:
        ValueError: it is none of them.
    """
    if path != "-":
        is_folder_or_file(None, Path(path))


def is_file(_: object, path: Path | None) -> None:
    """Check that ``path`` is a file which can be read as a whole, if it is given.

    Raises:
        ValueError: it is none: there is nothing, or something whose reading may not end.
    """
    if path is None:
        return
    try:
        found = path.stat()
    except OSError as error:
        raise ValueError(f"{_printable(path)} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        what = "is a folder" if stat.S_ISDIR(found.st_mode) else "is not a regular file"
        raise ValueError(f"{_printable(path)} {what}; give a file")
    if found.st_size > MOST_BYTES:
        raise ValueError(f"{_printable(path)} is larger than {MOST_BYTES >> 20} MiB")


def _printable(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


Folder = Annotated[Path, Parameter(validator=is_folder)]
ModulesFolder = Annotated[Path | None, Parameter(env_var="WASM_SHIM_MODULES", validator=is_folder)]
FolderOrFile = Annotated[Path, Parameter(validator=is_folder_or_file)]
TextOrPath = str | Path
"""A text. It may be a path, so shells complete it as one."""
Given = Annotated[TextOrPath, Parameter(validator=is_given, allow_leading_hyphen=True)]
File = Annotated[Path, Parameter(validator=is_file)]
