"""What every command prints: text for people, or JSON for programs; colours where there are any."""

import json
import os
from collections.abc import Callable
from typing import Annotated, Final, Literal, TextIO

from cyclopts import Parameter

Output = Annotated[Literal["text", "json"], Parameter(name=["--output", "-o"])]

_COLOURS: Final = {"good": "32", "bad": "1;31", "doubtful": "33", "place": "36"}


def write(values: object, text: str, output: Literal["text", "json"]) -> None:
    """Print ``values`` as JSON, or the ``text`` that says them to people."""
    print(json.dumps(values, indent=2, ensure_ascii=False) if output == "json" else text)


def painter(stream: TextIO) -> Callable[[str, str], str]:
    """Return what shows a text as ``good``, ``bad``, ``doubtful`` or as a ``place`` on ``stream``.

    In colours on a terminal, unless the environment has ``NO_COLOR`` (https://no-color.org).
    """
    coloured = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def paint(style: str, text: str) -> str:
        return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if coloured else text

    return paint
