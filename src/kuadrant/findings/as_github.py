"""Findings as commands of a workflow of GitHub, which shows them beside the lines that they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.problem import printable_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.findings.finding import Finding
    from kuadrant.findings.severity import Severity

_COMMANDS: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "note": "notice"}
_IN_MESSAGES: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTIES: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def findings_github(findings: Iterable[Finding]) -> str:
    """Return a line for each finding."""
    return "\n".join(map(_line, findings))


def _line(one: Finding) -> str:
    file = printable_lines(one.file).translate(_IN_PROPERTIES)
    about = ": ".join(part for part in (one.subject, one.field, one.message) if part)
    message = printable_lines(f"{about}\n{one.fix}" if one.fix else about).translate(_IN_MESSAGES)
    place = f"file={file},line={one.line},col={one.column},title={one.code}"
    return f"::{_COMMANDS[one.severity]} {place}::{message}"
