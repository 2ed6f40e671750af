"""Turns what is wrong with documents as such, found while they are read, into findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.findings.finding import Finding
from kuadrant.findings.severity import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kuadrant.api.problem import Problem

RULES: Final = (
    Rule(
        code="not-readable",
        severity="error",
        title="A file cannot be read.",
        means="It is no regular file, may not be opened, is too large, or is no UTF-8.",
        do="Make it readable, or take it out of the folder.",
    ),
    Rule(
        code="not-yaml",
        severity="error",
        title="A document is no YAML, or YAML that is taken in another way than it looks.",
        means="A key that is given twice and a merge key behind the key that it replaces are such ways."
        " What a document may hold is bounded, too: docs/limits.md.",
        do="Correct the document at this place.",
    ),
    Rule(
        code="no-object",
        severity="error",
        title="A document is no object of Kubernetes.",
        means="Every object has an `apiVersion` and a `kind`.",
        do="Add what is missing, or take the file out of the folder.",
    ),
    Rule(
        code="unknown-kind",
        severity="error",
        title="There is no such kind, or not in this version.",
        means="`apiVersion` or `kind` is likely to be misspelled: the group is one of Gateway API or "
        "Kuadrant, and it has no such kind.",
        do="Correct `apiVersion` and `kind`.",
    ),
    Rule(
        code="invalid-field",
        severity="error",
        title="A field is not as the definition of its kind asks for.",
        means="An API server would refuse the object.",
        do="Correct the field.",
    ),
    Rule(
        code="other-version",
        severity="error",
        title="A policy is written as another version has it.",
        means="`kuadrant.io/v1` and `kuadrant.io/v1beta2` say the same in other fields (docs/fields.md). "
        "Kuadrant's own definitions refuse or drop those of the other one.",
        do="Write the `apiVersion` whose form it is. Or write it as this one has it: in v1 `window: 10s`, "
        "`when: [{predicate: CEL}]`, `counters: [{expression: CEL}]`, and `sectionName` in place of "
        "`routeSelectors`; in v1beta2 `duration: 10` and `unit: second`, `when` with `selector`, `operator` "
        "and `value`, and `counters` that are selectors.",
    ),
    Rule(
        code="given-twice",
        severity="error",
        title="An object is given twice.",
        means="Two documents have the same kind, namespace and name, so one would replace the other.",
        do="Leave one of them out.",
    ),
    Rule(
        code="too-many-mistakes",
        severity="error",
        title="There are more mistakes than are told.",
        means="What follows is not read any more.",
        do="Correct those that are told, and check again.",
    ),
    Rule(
        code="kind-not-read",
        severity="note",
        title="Objects of this kind are not read.",
        means="`kuadrant run` does nothing for an AuthPolicy, a TokenRateLimitPolicy, a TLSRoute or a "
        "policy of a gateway. Kinds that are just beside of what is read, such as Deployments, "
        "are not told.",
        do="Nothing if you know: in a cluster somebody else may read it.",
    ),
)


def placed_already(problems: Iterable[Problem], rules: Mapping[str, Rule]) -> Iterator[Finding]:
    """Yield what was found while documents were read."""
    for one in problems:
        rule = rules[one.code]
        yield Finding(
            one.file,
            one.line,
            one.column,
            subject=one.subject,
            field=one.field,
            message=one.message,
            code=one.code,
            severity=rule.severity,
            fix=rule.do,
        )
