"""Results for people: a line for each test, and the difference for what was missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.problem import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.api.problem import Problem
    from kuadrant.policy_tests.results import CaseResult, Coverage, Miss, Results

_WORDS: Final = {"passed": "pass", "failed": "FAIL", "skipped": "skip"}
_COLOURS: Final = {"passed": "32", "failed": "31", "skipped": "33"}


def report(results: Results, *, colour: bool) -> str:
    """Return the report; in ``colour`` with escape sequences of a terminal."""
    lines: list[str] = []
    for file in results.files:
        lines.append(printable(file.file))
        for case in file.cases:
            word = _WORDS[case.outcome]
            if colour:
                word = f"\x1b[{_COLOURS[case.outcome]}m{word}\x1b[0m"
            lines.append(f"  {word}  {printable(case.name + _remark(case))}")
            lines += (
                f"        {printable(line)}" for miss in case.misses for line in miss_lines(file.file, miss)
            )
    lines += ["", printable(summary(results))]
    if results.coverage is not None:
        lines += map(printable, _coverage(results.coverage))
    return "\n".join(lines) + "\n"


def problems(found: Iterable[Problem]) -> str:
    """Return why nothing was tested, a line each."""
    return "".join(f"{problem}\n" for problem in found)


def summary(results: Results) -> str:
    """Return how it ended, in one line."""
    tests = sum(len(file.cases) for file in results.files)
    counts = [f"{results.count(outcome)} {outcome}" for outcome in _WORDS if results.count(outcome)]
    by = f" by {results.against}" if results.against else ""
    answered = f"{counted(results.requests, 'request')} answered{by}"
    return f"{counted(tests, 'test')}: {', '.join(counts)} ({answered})"


def counted(number: int, word: str) -> str:
    """Return a number of things."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def not_reached(coverage: Coverage) -> Iterator[tuple[str, int, int, str]]:
    """Yield file, line, column and a sentence for all that no test reaches."""
    for limit in coverage.limits_not_reached:
        yield limit.file, limit.line, limit.column, f"no test reaches the limit {limit}"
    for rule in coverage.rules_not_reached:
        yield rule.file, rule.line, rule.column, f"no test reaches the rule {rule}"


def notes(case: CaseResult) -> Iterator[str]:
    """Yield what is to be said of a test beside its misses: what is not tested, or may be otherwise."""
    if case.not_asked:
        yield f"not asked: {case.not_asked}"
        return
    yield from case.in_part
    if case.not_compared:
        yield f"not compared: {', '.join(case.not_compared)}"


def _remark(case: CaseResult) -> str:
    told = case.not_asked or "; ".join(notes(case))
    return told and f" ({told})"


def miss_lines(file: str, miss: Miss) -> Iterator[str]:
    """Yield the lines that tell of one miss."""
    yield f"{file}:{miss.line}:{miss.column}: {miss.field}"
    yield f"  expected  {miss.expected}"
    yield f"  got       {miss.got}"
    yield f"  {miss.request}"
    yield f"  {miss.why}"


def _coverage(coverage: Coverage) -> Iterator[str]:
    limits = coverage.limits - len(coverage.limits_not_reached)
    rules = coverage.rules - len(coverage.rules_not_reached)
    yield (
        f"tests reach {limits} of {counted(coverage.limits, 'limit')} and "
        f"{rules} of {counted(coverage.rules, 'rule')}"
    )
    for file, line, column, sentence in not_reached(coverage):
        yield f"{file}:{line}:{column}: {sentence}"
