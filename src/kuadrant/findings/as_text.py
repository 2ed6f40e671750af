"""Findings for people: the place first, readable at 80 columns."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Final

from kuadrant.api.problem import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kuadrant.findings.finding import Finding
    from kuadrant.findings.severity import Severity

_WIDTH: Final = 80
WORDS: Final[dict[Severity, str]] = {"error": "mistake", "warning": "warning", "note": "note"}
"""What people call the severities."""
_COLOURS: Final[dict[Severity, str]] = {"error": "31;1", "warning": "33;1", "note": "36"}


def findings_text(findings: Iterable[Finding], *, colour: bool = False) -> str:
    """Return the findings as text, each with its place, its code, what it is about and what helps."""
    return "\n".join(_finding(one, colour=colour) for one in findings)


def _finding(one: Finding, *, colour: bool) -> str:
    place = _painted(printable(f"{one.file}:{one.line}:{one.column}:"), "1", colour=colour)
    severity = _painted(f"{WORDS[one.severity]}:", _COLOURS[one.severity], colour=colour)
    about = ": ".join(part for part in (one.subject, one.field) if part)
    lines = [f"{place} {severity} {one.code}"]
    lines += _wrapped(f"{about}:", "  ") if about else []
    lines += _wrapped(one.message, "    " if about else "  ")
    lines += _wrapped(one.fix, "  => ") if one.fix else []
    return "\n".join(lines)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        printable(text),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _painted(text: str, colour_code: str, *, colour: bool) -> str:
    return f"\x1b[{colour_code}m{text}\x1b[0m" if colour else text


def counted(findings: Iterable[Finding]) -> str:
    """Return how many there are of each severity, in words: ``1 mistake, 2 warnings``."""
    found = Counter(one.severity for one in findings)
    return ", ".join(number(found[severity], word) for severity, word in WORDS.items() if found[severity])


def number(count: int, word: str) -> str:
    """Return a number of things: ``1 mistake``, ``2 mistakes``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings by how much they matter, then by their places."""
    order = list(WORDS)
    return sorted(findings, key=lambda one: (order.index(one.severity), one))


def first_findings(findings: Sequence[Finding], most: int, folder: str, *, colour: bool = False) -> str:
    """Return the text that tells of findings beside other things, the gravest first; empty if there is none.

    Args:
        findings: All of them.
        most: How many are told.
        folder: What ``kuadrant check`` has to be given to tell all.
        colour: Whether it is coloured.
    """
    if not findings:
        return ""
    told = gravest_first(findings)[:most]
    lines = [f"Found in {folder}: {counted(findings)}.", findings_text(told, colour=colour)]
    if more := len(findings) - len(told):
        lines.append(f"... and {more} more; kuadrant check {folder} tells all")
    return "\n".join(lines)
