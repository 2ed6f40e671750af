"""The results of tests."""

from __future__ import annotations

from msgspec import Struct

from kuadrant.policy_tests.inventory import KnownLimit, KnownRule


class Miss(Struct, frozen=True, gc=False):
    """An expectation that was missed, with the place and the path in the test of the field that says it.

    ``request`` tells which request missed it first, and ``why`` what happened to that one.
    """

    line: int
    column: int
    field: str
    expected: str
    got: str
    request: str
    why: str


class CaseResult(Struct, frozen=True, gc=False, kw_only=True):
    """The result of a test.

    ``not_compared`` are expectations that a real gateway does not show; ``not_asked`` says why a real one was
    not asked at all, and is empty otherwise. ``in_part`` are rules of which some backends answer 500 or 503,
    for how many requests, and why; ``reached`` is what its requests came to.
    """

    name: str
    line: int
    column: int
    requests: int = 0
    misses: tuple[Miss, ...] = ()
    not_compared: tuple[str, ...] = ()
    not_asked: str = ""
    in_part: tuple[str, ...] = ()
    reached: frozenset[KnownLimit | KnownRule] = frozenset()

    @property
    def outcome(self) -> str:
        """``passed``, ``failed``, or ``skipped`` where nothing was compared."""
        return "failed" if self.misses else "skipped" if self.not_asked else "passed"


class FileResult(Struct, frozen=True, gc=False):
    """The results of the tests of a file."""

    file: str
    cases: tuple[CaseResult, ...]


class Coverage(Struct, frozen=True, gc=False):
    """The number of limits and rules in effect, and those of them that no test reaches."""

    limits: int
    rules: int
    limits_not_reached: tuple[KnownLimit, ...]
    rules_not_reached: tuple[KnownRule, ...]


class Results(Struct, frozen=True, gc=False, kw_only=True):
    """Everything that is reported of a run; ``against`` is the real gateway that was asked, if one was."""

    files: tuple[FileResult, ...]
    coverage: Coverage | None = None
    against: str = ""

    def count(self, outcome: str) -> int:
        """Return how many tests ended so."""
        return sum(case.outcome == outcome for file in self.files for case in file.cases)

    @property
    def requests(self) -> int:
        """The number of requests that were asked."""
        return sum(case.requests for file in self.files for case in file.cases)
