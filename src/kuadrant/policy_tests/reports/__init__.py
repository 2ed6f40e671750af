"""Prints results for people, and in the forms that programs read. Each form prints the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from kuadrant.policy_tests.reports import github, json_report, junit, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kuadrant.api.problem import Problem
    from kuadrant.policy_tests.results import Results

Form = Literal["text", "json", "junit", "github"]

_RESULTS: Final[Mapping[str, Callable[[Results], str]]] = {
    "json": json_report.report,
    "junit": junit.report,
    "github": github.report,
}
_PROBLEMS: Final[Mapping[str, Callable[[Iterable[Problem]], str]]] = {
    "text": text.problems,
    "json": json_report.problems,
    "junit": junit.problems,
    "github": github.problems,
}


def report(results: Results, form: Form, *, colour: bool = False) -> str:
    """Return ``results`` in a form; in ``colour`` only where it is for people."""
    return text.report(results, colour=colour) if form == "text" else _RESULTS[form](results)


def report_problems(problems: Iterable[Problem], form: Form) -> str:
    """Return in a form why nothing was tested."""
    return _PROBLEMS[form](problems)
