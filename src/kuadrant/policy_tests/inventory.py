"""Lists the limits and rules in effect in a set of policies, by the names people know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api.problem import spelled
from kuadrant.explanation.known_services import NOTHING_KNOWN, KnownServices, known_services
from kuadrant.policy.identifiers import limit_condition
from kuadrant.policy_tests.moments import spelled_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.api.documents import Folder
    from kuadrant.api.limitador import Limit
    from kuadrant.compiler import Compilation, RuleOrigin, RulesOf
    from kuadrant.compiler.program import GatewayProgram, LimitAction


class KnownLimit(Struct, frozen=True, gc=False, order=True):
    """A limit in effect, where it is written, and its rates for people."""

    file: str
    line: int
    column: int
    policy: str
    name: str
    rates: str

    def __str__(self) -> str:
        """The limit in a sentence."""
        return f"{self.name} of {self.policy} ({self.rates})"


class KnownRule(Struct, frozen=True, gc=False, order=True):
    """A rule of a route that a gateway serves, and where it is written."""

    file: str
    line: int
    column: int
    route: str
    name: str

    def __str__(self) -> str:
        """The rule as ``expect.rule`` has it."""
        return f"{self.route}/{self.name}"


class Inventory(Struct, frozen=True, gc=False):
    """Every limit and every rule in effect.

    ``limits`` are by scope and descriptor key, ``conditions`` the same by scope and the condition that the
    rate limit service has; ``rules`` are by the name of the action set. ``services`` are what may be behind
    them.
    """

    limits: Mapping[tuple[str, str], KnownLimit]
    conditions: Mapping[tuple[str, str], KnownLimit]
    rules: Mapping[str, KnownRule]
    services: KnownServices = NOTHING_KNOWN


def inventory(folder: Folder, compilation: Compilation, rules_of: RulesOf) -> Inventory:
    """Return what is in effect of ``folder``, which compiles to ``compilation``.

    ``rules_of`` is ``Compiler.origins`` of the compiler that did it.
    """
    limits: dict[tuple[str, str], KnownLimit] = {}
    places = _Places(folder, compilation)
    held = _by_condition(compilation.all_limits)
    for program in compilation.programs:
        for scope, limit in _limit_actions(program):
            if (scope, limit.key) not in limits:
                limits[scope, limit.key] = places.limit(limit, held[scope, limit_condition(limit.key)])
    return Inventory(
        limits=limits,
        conditions={(scope, limit_condition(key)): limit for (scope, key), limit in limits.items()},
        rules=_rules(compilation.programs, rules_of, places),
        services=known_services(folder.objects.services),
    )


class _Places:
    """Says where things are written."""

    def __init__(self, folder: Folder, compilation: Compilation) -> None:
        self._sources = folder.sources
        self._policies = {fact.policy.key: fact.policy for fact in compilation.policies}

    def limit(self, action: LimitAction, held: tuple[Limit, ...]) -> KnownLimit:
        source = action.sources[0]
        policy, name = self._policies[source], held[0].name
        written = self._sources["RateLimitPolicy", policy.namespace, policy.name]
        line, column = written.place(spelled((*policy.field, "limits", name)))
        rates = " and ".join(
            f"{limit.max_value} in {spelled_time(limit.seconds * 1000)}{limit.extensions_shown}"
            for limit in held
        )
        return KnownLimit(written.file, line, column, source, name, rates)

    def rule(self, origin: RuleOrigin) -> KnownRule:
        namespace, _, name = origin.route.partition("/")
        written = self._sources[origin.kind, namespace, name]
        line, column = written.place(spelled(("spec", "rules", origin.rule_index)))
        return KnownRule(written.file, line, column, origin.route, origin.rule)


def _by_condition(limits: Iterable[Limit]) -> dict[tuple[str, str], tuple[Limit, ...]]:
    found: dict[tuple[str, str], tuple[Limit, ...]] = {}
    for limit in limits:
        for condition in limit.conditions:
            key = (limit.namespace, condition)
            found[key] = (*found.get(key, ()), limit)
    return found


def _limit_actions(program: GatewayProgram) -> Iterator[tuple[str, LimitAction]]:
    for listener in program.listeners:
        for host in listener.hosts:
            for rule in host.rules:
                for action in rule.actions:
                    for limit in action.limits:
                        yield action.scope, limit


def _rules(programs: Iterable[GatewayProgram], rules_of: RulesOf, places: _Places) -> dict[str, KnownRule]:
    """The rules of all programs, by the names that they have there."""
    return {
        rule.name: places.rule(origin)
        for program in programs
        for listener in program.listeners
        for host in listener.hosts
        for rule, origin in rules_of(f"{program.namespace}/{program.name}", listener.port, host.hostname)
    }
