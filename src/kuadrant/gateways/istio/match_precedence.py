"""The order in which Istio's router tries the rules of a host name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kuadrant.compiler.program import RuleProgram

_PATHS: Final = {"exact": 0, "prefix": 1, "regex": 2}
_WITHOUT_PATH: Final = 3


def match_precedence(rule: RuleProgram) -> tuple[int, int]:
    """Return a sort key: regular expressions go last; equal ones stay as Gateway API orders them."""
    path = rule.match.path
    return (_WITHOUT_PATH, 0) if path is None else (_PATHS[path.type], -len(path.value.encode()))
