"""Results as JUnit's XML, which most CI systems show: a suite for each file, a test case for each test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from kuadrant.policy_tests.reports.text import miss_lines, not_reached, notes, summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kuadrant.api.problem import Problem
    from kuadrant.policy_tests.results import CaseResult, FileResult, Miss, Results

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
# What XML 1.0 cannot say, not even escaped.
_UNSAYABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report(results: Results) -> str:
    """Return the report."""
    tests = sum(len(file.cases) for file in results.files)
    attributes = _attributes(
        name="kuadrant test", tests=tests, failures=results.count("failed"), skipped=results.count("skipped")
    )
    lines = [_HEAD, f"<testsuites {attributes}>"]
    for file in results.files:
        lines += _suite(file)
    if results.coverage is not None:
        lines += _coverage(results)
    return "\n".join([*lines, "</testsuites>"]) + "\n"


def problems(found: Iterable[Problem]) -> str:
    """Return why nothing was tested: an error for each file that is wrong."""
    by_file: dict[str, list[Problem]] = {}
    for problem in found:
        by_file.setdefault(problem.file, []).append(problem)
    attributes = _attributes(name="kuadrant test", tests=len(by_file), errors=len(by_file))
    lines = [_HEAD, f"<testsuites {attributes}>"]
    for file, wrong in by_file.items():
        lines += (
            f"  <testsuite {_attributes(name=file, tests=1, errors=1)}>",
            f"    <testcase {_attributes(name='is read', classname=file, file=file, line=wrong[0].line)}>",
            f"      <error {_attributes(message=str(wrong[0]))}>{_text(map(str, wrong))}</error>",
            "    </testcase>",
            "  </testsuite>",
        )
    return "\n".join([*lines, "</testsuites>"]) + "\n"


def _suite(file: FileResult) -> Iterator[str]:
    failures = sum(case.outcome == "failed" for case in file.cases)
    skipped = sum(case.outcome == "skipped" for case in file.cases)
    attributes = _attributes(name=file.file, tests=len(file.cases), failures=failures, skipped=skipped)
    yield f"  <testsuite {attributes}>"
    for case in file.cases:
        yield from _case(file.file, case)
    yield "  </testsuite>"


def _case(file: str, case: CaseResult) -> Iterator[str]:
    attributes = _attributes(name=case.name, classname=file, file=file, line=case.line)
    told = [] if case.not_asked else [*notes(case)]
    if case.outcome == "passed" and not told:
        yield f"    <testcase {attributes}/>"
        return
    yield f"    <testcase {attributes}>"
    if case.misses:
        yield _failure(file, case.misses)
    if case.not_asked:
        yield f"      <skipped {_attributes(message=case.not_asked)}/>"
    if told:
        yield f"      <system-out>{_text(told)}</system-out>"
    yield "    </testcase>"


def _failure(file: str, misses: Sequence[Miss]) -> str:
    """All misses of a test in one element: many readers show the first only."""
    first, more = misses[0], len(misses) - 1
    message = f"{first.field}: expected {first.expected}, got {first.got}{f' (and {more} more)' * bool(more)}"
    text = _text(line for miss in misses for line in miss_lines(file, miss))
    return f"      <failure {_attributes(message=message)}>{text}</failure>"


def _coverage(results: Results) -> Iterator[str]:
    """Write what is not reached as output of a suite without tests, since it is no failure."""
    assert results.coverage is not None
    lines = [summary(results), *(f"{f}:{n}:{c}: {text}" for f, n, c, text in not_reached(results.coverage))]
    yield f"  <testsuite {_attributes(name='coverage', tests=0)}>"
    yield f"    <system-out>{_text(lines)}</system-out>"
    yield "  </testsuite>"


def _attributes(**values: object) -> str:
    return " ".join(f"{name}={quoteattr(_sayable(str(value)))}" for name, value in values.items())


def _text(lines: Iterable[str]) -> str:
    return escape(_sayable("\n".join(lines)))


def _sayable(text: str) -> str:
    return _UNSAYABLE.sub("\N{REPLACEMENT CHARACTER}", text)
