"""What is said of a port that cannot be had."""

from __future__ import annotations

import errno
import os

import pytest

from kuadrant.standalone.ports import taken


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EADDRINUSE, "(Address already in use); choose another with --port"),
        (errno.EMFILE, "there are too many open files; let the process have more (ulimit -n)"),
        (errno.ENFILE, "there are too many open files; let the process have more (ulimit -n)"),
    ],
)
def test_it_is_said_what_helps(code: int, words: str) -> None:
    assert words in str(taken("--port", "127.0.0.1", 8000, OSError(code, os.strerror(code))))
