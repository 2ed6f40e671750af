"""Results as commands of GitHub's workflows, which put each miss beside the line of the file that says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.api.problem import printable_lines
from kuadrant.policy_tests.reports.text import not_reached, notes, summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.api.problem import Problem
    from kuadrant.policy_tests.results import Results


def report(results: Results) -> str:
    """Return the report: an error for each miss, a notice for what was not tested, and a line at the end."""
    return "".join(f"{line}\n" for line in _lines(results))


def problems(found: Iterable[Problem]) -> str:
    """Return why nothing was tested."""
    lines = []
    for one in found:
        message = ": ".join(part for part in (one.subject, one.field, one.message) if part)
        lines.append(_command("error", (one.file, one.line, one.column), "kuadrant test", message) + "\n")
    return "".join(lines)


def _lines(results: Results) -> Iterator[str]:
    for file in results.files:
        for case in file.cases:
            for miss in case.misses:
                difference = f"{miss.field}: expected {miss.expected}, got {miss.got}"
                message = f"{difference}\n{miss.request}\n{miss.why}"
                yield _command("error", (file.file, miss.line, miss.column), case.name, message)
            for message in notes(case):
                yield _command("notice", (file.file, case.line, case.column), case.name, message)
    if results.coverage is not None:
        for place, line, column, sentence in not_reached(results.coverage):
            yield _command("notice", (place, line, column), "kuadrant test --coverage", sentence)
    yield _data(summary(results))


def _command(kind: str, place: tuple[str, int, int], title: str, message: str) -> str:
    file, line, column = place
    properties = f"file={_property(file)},line={line},col={column},title={_property(title)}"
    return f"::{kind} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return printable_lines(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
