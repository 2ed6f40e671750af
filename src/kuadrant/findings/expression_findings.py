"""Expressions and selectors that nobody can carry out: found while policies are checked."""

from __future__ import annotations

from typing import Final

from kuadrant.findings.severity import Rule

RULES: Final = (
    Rule(
        code="invalid-expression",
        severity="error",
        title="An expression cannot be carried out.",
        means="It is no CEL, names something that does not exist, can only fail, has a value of another"
        " type than its place asks for, or costs too much. docs/attributes.md lists what there is"
        " of a request, docs/expressions.md the functions. Of `auth.*` there is `auth.identity`, and "
        "only where the gateway says who requests are from (docs/identity.md).",
        do="Correct the expression at this place.",
    ),
    Rule(
        code="invalid-selector",
        severity="error",
        title="A selector is no path of names.",
        means="In v1beta2 it is names with dots between them, such as `request.headers.x-user`. A dot "
        "within a name is written with a backslash before it.",
        do="Correct the selector.",
    ),
)
