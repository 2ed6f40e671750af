"""Keeps where rules come from, which a compiler tells only until it compiles the next time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kuadrant.compiler import RuleOrigin, RulesOf
    from kuadrant.compiler.program import RuleProgram

RuleOrigins = tuple[tuple["RuleProgram", "RuleOrigin"], ...]


class RulesAsked:
    """Tells where the rules of a host name come from, and keeps what it was asked."""

    def __init__(self, rules_of: RulesOf) -> None:
        self._rules_of = rules_of
        self._kept: dict[tuple[str, int, str], RuleOrigins] = {}

    def __call__(self, gateway: str, port: int, hostname: str) -> RuleOrigins:
        """Return where they come from, and keep it."""
        key = (gateway, port, hostname)
        if key not in self._kept:
            self._kept[key] = self._rules_of(gateway, port, hostname)
        return self._kept[key]

    def kept(self, gateway: str, port: int, hostname: str) -> RuleOrigins:
        """Return what was kept."""
        return self._kept.get((gateway, port, hostname), ())
