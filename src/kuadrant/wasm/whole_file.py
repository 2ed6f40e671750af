"""Reading a file whole, where somebody else may have put there what has no end."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

MOST_BYTES: Final = 64 << 20
"""Of a file that is read as a whole: a module has a few MiB."""


class UnreadableError(Exception):
    """It cannot be read; the text says why, to be put after its path."""


def read_whole(file: Traversable) -> bytes:
    """Return what is in a file.

    Raises:
        FileNotFoundError: there is none.
        UnreadableError: it is no regular file, has more than `MOST_BYTES`, or may not be read.
    """
    try:
        if not isinstance(file, Path):  # of our own package
            return file.read_bytes()
        with open(file, "rb", opener=_without_waiting) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise UnreadableError("is not a regular file")
            data = opened.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise UnreadableError("is a folder") from None
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise UnreadableError(f"is larger than {MOST_BYTES >> 20} MiB")
    return data


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe, too, without waiting for who writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)
