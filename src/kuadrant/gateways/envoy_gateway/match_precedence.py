"""The order in which Envoy Gateway's router tries the rules of a host name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.compiler.program import RuleProgram
    from kuadrant.policy.match import PathMatch, StringMatch

_PATHS: Final = {"exact": 0, "regex": 1, "prefix": 2}


def match_precedence(rule: RuleProgram) -> tuple[int, int, int, int, int, int]:
    """Return a sort key; rules with equal keys stay as Gateway API orders them.

    The prefix of every path is as good as none. A method counts as one more header with an exact value. Of as
    many headers or query parameters those with more exact values go first.
    """
    match = rule.match
    method = match.method is not None
    return (
        *_path(match.path),
        -(len(match.headers) + method),
        -(_exact(match.headers) + method),
        -len(match.query),
        -_exact(match.query),
    )


def _path(path: PathMatch | None) -> tuple[int, int]:
    if path is None or (path.type, path.value) == ("prefix", "/"):
        return _PATHS["prefix"], 0
    return _PATHS[path.type], -len(path.value.encode())


def _exact(matches: Iterable[StringMatch]) -> int:
    return sum(match.type == "exact" for match in matches)
