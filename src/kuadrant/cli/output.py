"""Prints what commands have to say: text for people, or JSON for programs; colours where there are any."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Annotated, Final, Literal, TextIO

from cyclopts import Parameter

from kuadrant.terminal import has_colours

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kuadrant.findings import Finding

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


def complain(problem: str, output: str) -> None:
    """Say why nothing can be told: to people on standard error, to programs as the member ``error``."""
    if output == "json":
        print_document(json.dumps({"error": problem}, indent=2, ensure_ascii=False))
    else:
        print(f"kuadrant: {problem}", file=sys.stderr)


def complain_of_mistakes(mistakes: Sequence[Finding], output: str) -> None:
    """Say what is wrong in documents that nothing is made of: the findings, for programs beside ``error``."""
    from kuadrant.findings import counted, findings_json, findings_text  # noqa: PLC0415

    if output == "json":
        told = {"error": f"{counted(mistakes)} in the documents", **findings_json(mistakes)}
        print_document(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        print(findings_text(mistakes, colour=has_colours(sys.stderr)), file=sys.stderr)


def painter(stream: TextIO) -> Callable[[str, str], str]:
    """Return what shows a text as ``good``, ``bad``, ``doubtful`` or as a ``place`` on ``stream``.

    In colours on a terminal, unless the environment has ``NO_COLOR`` (https://no-color.org).
    """
    coloured = has_colours(stream)

    def paint(style: str, text: str) -> str:
        return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if coloured else text

    return paint
