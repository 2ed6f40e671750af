"""A finding: what is wrong or suspicious at one place of a document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.api.problem import Problem
from kuadrant.findings.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.api.documents import Identity, Source
    from kuadrant.findings.severity import Rule
    from kuadrant.policy.model import Problem as ObjectProblem


class Finding(Struct, frozen=True, gc=False, order=True):
    """One thing that a person ought to look at.

    ``subject`` names the object (``RateLimitPolicy default/toystore``), ``field`` is its path in it, and
    ``message`` continues it to a sentence. Lines and columns count from 1.
    """

    file: str
    line: int
    column: int
    subject: str
    field: str
    message: str
    code: str
    severity: Severity
    fix: str

    @property
    def problem(self) -> Problem:
        """Its place and what is wrong there, without what helps."""
        return Problem(self.file, self.line, self.column, self.subject, self.field, self.message, self.code)

    def __str__(self) -> str:
        """Return it in a line, without what helps; what cannot be printed is escaped."""
        return str(self.problem)


_PLACE_IN_WORDS: Final = re.compile(r"line \d+, column \d+: ")


def placed(problem: ObjectProblem, sources: Mapping[Identity, Source], rules: Mapping[str, Rule]) -> Finding:
    """Return ``problem`` of an object among ``sources`` as a finding with its place."""
    source = sources[problem.kind, problem.namespace, problem.name]
    rule = rules[problem.code]
    of = f"{problem.namespace}/{problem.name}" if problem.namespace else problem.name
    # Where the place is known, its words are no help.
    message = _PLACE_IN_WORDS.sub("", problem.message, count=1) if problem.at != (0, 0) else problem.message
    return Finding(
        source.file,
        *source.place(problem.field, problem.at),
        subject=f"{problem.kind} {of}",
        field=problem.field,
        message=message,
        code=problem.code,
        severity=rule.severity,
        fix=problem.fix or rule.do,
    )
