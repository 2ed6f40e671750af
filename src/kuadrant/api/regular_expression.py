"""Regular expressions as Envoy takes them: RE2."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import re2

LONGEST: Final = 1024
"""The most characters of a pattern that a policy brings."""
LARGEST: Final = 4096
"""The most instructions of such a pattern.

For each byte of a text an engine may have to look at all of them.
"""
_ENVOYS: Final = 8 << 20
"""Bytes for a pattern while it is compiled, as Envoy gives them."""
_OURS: Final = 256 << 10
"""The same for a pattern of a policy: a text of a few characters may ask for more than a machine has."""


# What is kept are at most a few MiB: patterns and a few words about each.
@lru_cache(maxsize=512)
def _judged(expression: str, memory: int) -> tuple[str | None, int]:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory
    try:
        return None, int(re2.compile(expression, options).programsize)
    except UnicodeEncodeError:
        return "it is no text in UTF-8", 0
    except re2.error as error:
        words = error.args[0]
        return (words.decode(errors="replace") if isinstance(words, bytes) else str(words)), 0
    finally:
        # It keeps what it compiled, and a pattern may take megabytes.
        re2.purge()


def fault(expression: str) -> str | None:
    """Return what is wrong with ``expression`` in RE2's words, or None if it is sound.

    Envoy comes to the same answer.
    """
    if "\0" in expression:
        return "a NUL; write it as \\x00"  # some engines end a text there, others do not
    return _judged(expression, _ENVOYS)[0]


_WITH_NUL: Final = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|\0", re.DOTALL)


def without_nul(expression: str) -> str:
    r"""Return an expression that means the same, with every NUL written as ``\x00``.

    Envoy takes a NUL as it is, so a gateway serves a route that has one in a pattern.
    """
    if "\0" not in expression:
        return expression
    return _WITH_NUL.sub(_written, expression)


def _written(part: re.Match[str]) -> str:
    text = part[0]
    if text.startswith(r"\Q"):
        return text.replace("\0", r"\E\x00\Q")
    return r"\x00" if text.endswith("\0") else text


def excess(expression: str) -> str | None:
    """Return what is wrong with ``expression`` in a policy: as :func:`fault`, and it has bounds."""
    if "\0" in expression:
        return fault(expression)
    if len(expression) > LONGEST:
        return f"it has {len(expression)} characters, at most {LONGEST} are possible"
    wrong, size = _judged(expression, _OURS)
    if wrong is None and size > LARGEST:
        return f"it compiles to {size} instructions, at most {LARGEST} are possible"
    return wrong


def program_size(expression: str) -> int:
    """Return the number of RE2's instructions for ``expression``.

    It is 0 if :func:`excess` finds something wrong with it.
    """
    return 0 if excess(expression) is not None else _judged(expression, _OURS)[1]
