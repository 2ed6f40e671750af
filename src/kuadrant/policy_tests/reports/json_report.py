"""Results as JSON: one object, with the same names as in the text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kuadrant.policy_tests.reports.text import not_reached

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.problem import Problem
    from kuadrant.policy_tests.results import CaseResult, Coverage, Miss, Results


def report(results: Results) -> str:
    """Return the report."""
    document: dict[str, Any] = {
        **{outcome: results.count(outcome) for outcome in ("passed", "failed", "skipped")},
        "requests": results.requests,
        "files": [{"file": one.file, "tests": [_case(case) for case in one.cases]} for one in results.files],
    }
    if results.against:
        document["against"] = results.against
    if results.coverage is not None:
        document["coverage"] = _coverage(results.coverage)
    return _written(document)


def problems(found: Iterable[Problem]) -> str:
    """Return why nothing was tested."""
    return _written(
        {
            "problems": [
                {
                    "file": one.file,
                    "line": one.line,
                    "column": one.column,
                    "field": one.field,
                    "message": f"{one.subject}: {one.message}" if one.subject else one.message,
                }
                for one in found
            ]
        }
    )


def _case(case: CaseResult) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": case.name,
        "line": case.line,
        "column": case.column,
        "outcome": case.outcome,
        "requests": case.requests,
        "misses": [_miss(miss) for miss in case.misses],
    }
    if case.not_compared:
        document["notCompared"] = list(case.not_compared)
    if case.in_part:
        document["inPart"] = list(case.in_part)
    if case.not_asked:
        document["notAsked"] = case.not_asked
    return document


def _miss(miss: Miss) -> dict[str, Any]:
    return {name: getattr(miss, name) for name in miss.__struct_fields__}


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "limits": coverage.limits,
        "rules": coverage.rules,
        "limitsNotReached": len(coverage.limits_not_reached),
        "rulesNotReached": len(coverage.rules_not_reached),
        "notReached": [
            {"file": file, "line": line, "column": column, "message": sentence}
            for file, line, column, sentence in not_reached(coverage)
        ],
    }


def _written(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
