"""Finds where rules, policies and limits are written, and which policies a rule is under."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from kuadrant.api.document_nodes import find, place_of
from kuadrant.api.documents import Identity, Source
from kuadrant.api.problem import Path, read_spelled, spelled
from kuadrant.compiler import PolicyFacts, RulesOf
from kuadrant.explanation.origin import Origin

if TYPE_CHECKING:
    from kuadrant.compiler import RuleOrigin
    from kuadrant.compiler.program import RuleProgram
    from kuadrant.policy.model import Policy


def _nowhere(_gateway: str, _port: int, _hostname: str) -> tuple[tuple[RuleProgram, RuleOrigin], ...]:
    return ()


class Origins(Struct, frozen=True, gc=False):
    """Knows what a program does not tell of its rules and limits.

    ``rules`` gives where the rules of a host name come from, ``facts`` are those of all policies, ``sources``
    has the files; what came from none is named by its object.
    """

    rules: RulesOf = _nowhere
    facts: tuple[PolicyFacts, ...] = ()
    sources: Mapping[Identity, Source] = MappingProxyType({})

    def of(self, kind: str, key: str, path: Path = ()) -> Origin:
        """Return where the field at ``path`` of an object (``namespace/name``) is written."""
        namespace, _, name = key.partition("/")
        field = spelled(path)
        source = self.sources.get((kind, namespace, name))
        if source is None:
            return Origin(object=f"{kind} {key}", field=field)
        line, column = place_of(source.node, path) if source.node else (source.line, 1)
        return Origin(object=f"{kind} {key}", field=field, file=source.file, line=line, column=column)

    def of_field(self, kind: str, key: str, field: str) -> Origin:
        """Return where a field of an object is written, named as in a problem."""
        return self.of(kind, key, read_spelled(field))

    def of_listener(self, gateway: str, name: str) -> Origin:
        """Return where the listener ``name`` of a Gateway (``namespace/name``) is written."""
        namespace, _, own = gateway.partition("/")
        source = self.sources.get(("Gateway", namespace, own))
        listeners = find(source.node, ("spec", "listeners")).value if source and source.node else []
        for number, node in enumerate(listeners if isinstance(listeners, list) else []):
            if find(node, ("name",)).value == name:
                return self.of("Gateway", gateway, ("spec", "listeners", number))
        return self.of("Gateway", gateway, ("spec", "listeners"))

    def of_match(self, kind: str, key: str, rule: int, match: int) -> Origin:
        """Return where a match of a rule is written; of its only one, where the rule is."""
        namespace, _, name = key.partition("/")
        source = self.sources.get((kind, namespace, name))
        path: Path = ("spec", "rules", rule)
        matches = find(source.node, (*path, "matches")).value if source and source.node else None
        is_one_of_several = isinstance(matches, list) and len(matches) > 1
        return self.of(kind, key, (*path, "matches", match) if is_one_of_several else path)

    def of_rules(self, gateway: str, port: int, hostname: str) -> dict[int, RuleOrigin]:
        """Return where the rules of a host name come from, by the identity of their programs."""
        found: dict[int, RuleOrigin] = {}
        for program, origin in self.rules(gateway, port, hostname):
            found.setdefault(id(program), origin)
        return found


def section_of(policy: Policy) -> Literal["limits", "defaults", "overrides"]:
    """The block that a policy's limits are in."""
    match policy.field:
        case (_, "defaults"):
            return "defaults"
        case (_, "overrides"):
            return "overrides"
        case _:
            return "limits"
