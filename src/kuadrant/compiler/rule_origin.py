"""The origin of a rule of a program: what a person knows it by, and the policies that it is under."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from kuadrant.compiler.program import RuleProgram
from kuadrant.policy.model import Policy


class RuleOrigin(Struct, frozen=True, gc=False):
    """The listener, and the route with the places of rule and match in it, counted from 0.

    ``route`` is ``namespace/name``. ``policies`` are those on the path, from the least to the most specific.
    """

    listener: str
    kind: str
    route: str
    rule: str
    rule_index: int
    match_index: int
    policies: tuple[Policy, ...]


RulesOf = Callable[[str, int, str], tuple[tuple[RuleProgram, RuleOrigin], ...]]
"""``Compiler.origins``: by gateway (``namespace/name``), port and host name."""
