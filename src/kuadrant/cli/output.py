"""Prints what commands have to say: text for people, or JSON for programs; colours where there are any."""

import io
import json
import os
import sys
from collections.abc import Callable
from typing import Annotated, Final, Literal, TextIO

from cyclopts import Parameter

Output = Annotated[Literal["text", "json"], Parameter(name=["--output", "-o"])]

_COLOURS: Final = {"good": "32", "bad": "1;31", "doubtful": "33", "place": "36"}


def write(values: object, text: str, output: Literal["text", "json"]) -> None:
    """Print ``values`` as JSON, or the ``text`` that says them to people."""
    if output == "json":
        print_document(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        print(text)


def print_document(text: str, end: str = "\n") -> None:
    """Print what programs read, which is UTF-8 whatever the terminal of a person takes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    print(text, end=end)


def has_colours(stream: TextIO) -> bool:
    """Tell whether who reads ``stream`` wants colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painter(stream: TextIO) -> Callable[[str, str], str]:
    """Return what shows a text as ``good``, ``bad``, ``doubtful`` or as a ``place`` on ``stream``.

    In colours on a terminal, unless the environment has ``NO_COLOR`` (https://no-color.org).
    """
    coloured = has_colours(stream)

    def paint(style: str, text: str) -> str:
        return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if coloured else text

    return paint
