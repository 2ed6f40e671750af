"""The files of a folder of YAML: which are read, and which are not and why."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.standalone.folder_selection import printable, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIB = 1024 * 1024
_MAX_FILE_BYTES = 16 * _MIB
_MAX_FOLDER_BYTES = 64 * _MIB
"""Of all files together: a cluster's store of everything holds a few times that."""
STANDARD_INPUT: Final = "-"
_STANDARD_INPUT_NAME = "<stdin>"


class File(Struct, frozen=True):
    """One file of the folder: its path relative to the folder, as `printable`, and its text.

    ``error`` says why there is none.
    """

    path: str
    text: str = ""
    error: str | None = None


def read(folder: Path) -> tuple[File, ...]:
    """Return the YAML and JSON files below ``folder``, sorted by path, or the one file that it is.

    Hidden ones are left out, links are followed.

    What goes beyond ``_MAX_FOLDER_BYTES`` is not read and says so; so does a link that may lead to a folder
    and cannot be followed, since what it holds would be missed.

    Raises:
        FolderError: it cannot be read (``kuadrant.standalone.folder_selection``).
    """
    found = walk(folder)
    if not folder.is_dir():
        return tuple(read_below(folder))
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
        file, size = _read_file(entry.path, printable(entry.path[start:]), left)
        left -= size
        files.append(file)
    return tuple(files)


def read_given(path: str) -> tuple[File, ...]:
    """Return the files of a folder, the one file, or for ``-`` standard input.

    Raises:
        FolderError: as ``read``.
    """
    return (standard_input(),) if path == STANDARD_INPUT else read(Path(path))


def standard_input() -> File:
    """Return what stands on standard input, to its end."""
    try:
        return File(_STANDARD_INPUT_NAME, sys.stdin.buffer.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return File(_STANDARD_INPUT_NAME, error=f"is not UTF-8 text (byte {error.start})")


def read_file(path: Path, name: str) -> File:
    """Return one file, which is called ``name`` where people are told of it."""
    return _read_file(str(path), name, _MAX_FOLDER_BYTES)[0]


def read_below(path: Path) -> Iterator[File]:
    """Yield the files of a folder, or the one file, by their paths from where ``path`` begins.

    Raises:
        FolderError: the folder cannot be read.
    """
    if not path.is_dir():
        yield read_file(path, printable(path))
        return
    for file in read(path):
        yield replace(file, path=os.path.normpath(f"{printable(path)}/{file.path}"))


def _read_file(path: str, name: str, left: int) -> tuple[File, int]:
    """Return a file and how many bytes of the ``left`` ones it takes."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a name that is no UTF-8 stays as it is
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would not end
            return File(name, error="is not a regular file"), 0
        data = b""
        if status.st_size <= _MAX_FILE_BYTES:
            # It may be another by now, and have grown.
            with open(path, "rb", opener=_without_waiting) as opened:
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
