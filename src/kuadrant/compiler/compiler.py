"""From all objects to what every gateway must do, and to what is to be said of every policy."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import astuple

from kuadrant.api.limitador import Limit
from kuadrant.compiler.gateway_table import GatewayTable, Replacement, policies_of_rules
from kuadrant.compiler.identity_table import IdentityTable
from kuadrant.compiler.listener_conflicts import listener_problems
from kuadrant.compiler.path_counts import PathTable
from kuadrant.compiler.policy_facts import PolicyFacts, policy_facts
from kuadrant.compiler.policy_table import ObjectKey, PolicyTable
from kuadrant.compiler.program import GatewayProgram
from kuadrant.compiler.ready_routes import RouteTable, gateways_of
from kuadrant.compiler.response_table import ResponseTable
from kuadrant.compiler.rule_origin import RuleOrigin
from kuadrant.compiler.wanted_limits import WantedLimits
from kuadrant.incremental import InOrder, Tracked, are
from kuadrant.policy.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from kuadrant.api.gateway import Gateway
    from kuadrant.api.objects import Objects
    from kuadrant.api.service import Namespace
    from kuadrant.compiler.program import RuleProgram


class Compilation(Struct, frozen=True, gc=False):
    """The programs of all gateways, the facts of all policies, and every problem, errors first.

    Policies are by namespace and name.

    ``limits`` are those of all programs together, each once: what one rate limit service behind all gateways
    has to hold.
    """

    programs: tuple[GatewayProgram, ...] = ()
    limits: tuple[Limit, ...] = ()
    policies: tuple[PolicyFacts, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def all_limits(self) -> tuple[Limit, ...]:
        """Those, and what gateways count by themselves."""
        return (*self.limits, *dict.fromkeys(one for each in self.programs for one in each.own_limits))


def compile_gateways(objects: Objects) -> Compilation:
    """Decide what every gateway of ``objects`` must do.

    The order of the objects does not matter. A mistake in one object is a problem of that object and leaves
    the others as they are; a policy that cannot be carried out as it is written takes no part.
    """
    return Compiler().compile(objects)


class Compiler:
    """Compiles again and again, each time only what has changed.

    An object that is the same instance as the last time is not looked at; one that is another instance and
    says the same changes nothing.
    """

    def __init__(self) -> None:
        self._tables = _Tables()

    def compile(self, objects: Objects) -> Compilation:
        """Return what :func:`compile_gateways` does.

        Every part of it that equals that of the last time is the same instance.
        """
        try:
            return self._tables.compile(objects)
        except BaseException:
            # Half a change is no state to go on from.
            self._tables = _Tables()
            raise

    def origins(self, gateway: str, port: int, hostname: str) -> tuple[tuple[RuleProgram, RuleOrigin], ...]:
        """Return the origin of each rule last compiled for a host name of ``gateway``, in no order."""
        return tuple(self._tables.origins(gateway, port, hostname))


class _Tables:
    """Holds what was compiled, in pieces that can be replaced."""

    def __init__(self) -> None:
        self._namespaces: Tracked[str, Namespace] = Tracked(lambda namespace: namespace.metadata.name)
        self._gateways: Tracked[str, Gateway] = Tracked(_key)
        self._tables: dict[str, GatewayTable] = {}
        self._identities = IdentityTable()
        self._routes = RouteTable()
        self._policies = PolicyTable()
        self._paths = PathTable()
        self._limits = WantedLimits()
        self._labels: dict[str, dict[str, str]] = {}
        self._responses = ResponseTable()
        self._programs: InOrder[str, GatewayProgram] = InOrder()
        self._facts: InOrder[tuple[str, str], PolicyFacts] = InOrder()
        self._problems: InOrder[ObjectKey, tuple[Problem, ...]] = InOrder()
        self._compilation = Compilation()
        self._by_object: tuple[tuple[Problem, ...], ...] = ()

    def compile(self, objects: Objects) -> Compilation:
        """Take over what is new in ``objects``."""
        policies, targets = self._policies.update(objects.rate_limit_policies)
        routes = self._routes.update(objects)
        identified = self._identities.update(objects)
        gateways = self._changed_gateways(objects.gateways) | identified.gateways
        gateways |= self._responses.update(objects)
        relabelled = self._relabelled(objects.namespaces)
        self._problems.set(("", "identities"), self._identities.problems or None)
        self._problems.set(("", "responses"), self._responses.problems or None)
        for key in routes:
            prepared = self._routes.prepared.get(key)
            self._problems.set(key, (prepared and prepared.problems) or None)
        for name in gateways:
            gateway = self._gateways.by_key.get(name)
            self._problems.set(("Gateway", name), (gateway and (*listener_problems(gateway),)) or None)

        targets |= routes.keys() | {("Gateway", name) for name in gateways}
        targets |= self._policies.targets() if identified.anything else set()
        sections = {target: self._attach(target) for target in targets}
        for target in targets:
            policies.update(self._policies.for_target(target))
        todo = self._todo(gateways, routes, sections, relabelled)
        for name, (changed_routes, changed_sections) in todo.items():
            for old, new in self._replacements(name, changed_routes, changed_sections):
                self._limits.change(old.limits if old else (), new.limits if new else ())
                self._paths.change(old, new)
        for policy in policies | self._paths.settle():
            self._tell(policy)
        return self._collected()

    def origins(self, gateway: str, port: int, hostname: str) -> Iterator[tuple[RuleProgram, RuleOrigin]]:
        """Yield the rules of a host name, each with where it comes from."""
        if (table := self._tables.get(gateway)) is None:
            return
        for listener, rule in table.rules(port, hostname):
            *_, key, kind, index, match = rule.rank
            route = self._routes.prepared[kind, key].route
            on_path = policies_of_rules(self._policies, gateway, listener, route)[index]
            yield (
                rule.program,
                RuleOrigin(listener, kind, key, route.rules[index].name, index, match, on_path),
            )

    def _todo(
        self,
        gateways: Iterable[str],
        routes: Mapping[ObjectKey, Iterable[str]],
        sections: Mapping[ObjectKey, set[str | None]],
        relabelled: AbstractSet[str],
    ) -> dict[str, tuple[set[ObjectKey], set[str | None]]]:
        """Return what to compile again of each Gateway: routes, and whole sections with their routes."""
        todo: dict[str, tuple[set[ObjectKey], set[str | None]]] = {name: (set(), set()) for name in gateways}
        for key, parents in routes.items():
            for name in parents:
                todo.setdefault(name, (set(), set()))[0].add(key)
        again = {target for target, changed in sections.items() if changed}
        if relabelled:
            again |= {key for key, one in self._routes.prepared.items() if one.route.namespace in relabelled}
        for key in again:
            if key[0] == "Gateway":
                todo.setdefault(key[1], (set(), set()))[1].update(sections[key])
            elif prepared := self._routes.prepared.get(key):
                for name in gateways_of(prepared):
                    todo.setdefault(name, (set(), set()))[0].add(key)
        return todo

    def _changed_gateways(self, gateways: Iterable[Gateway]) -> set[str]:
        """The Gateways that came, went or ask for something else."""
        changes = self._gateways.update(gateways)
        return {
            key
            for key, gateway in changes.items()
            if gateway is None or key not in self._tables or self._tables[key].gateway.spec != gateway.spec
        }

    def _relabelled(self, namespaces: Iterable[Namespace]) -> set[str]:
        """The namespaces with other labels than before."""
        changes = self._namespaces.update(namespaces)
        relabelled: set[str] = set()
        for name, namespace in changes.items():
            labels = namespace.metadata.labels if namespace else None
            if labels != self._labels.get(name):
                relabelled.add(name)
            if labels is None:
                self._labels.pop(name, None)
            else:
                self._labels[name] = labels
        return relabelled

    def _attach(self, target: ObjectKey) -> set[str | None]:
        kind, key = target
        prepared = self._routes.prepared.get(target)
        named = gateways_of(prepared) if prepared else (key,)
        return self._policies.attach(
            target,
            gateway=self._gateways.by_key.get(key) if kind == "Gateway" else None,
            route=prepared.route if prepared else None,
            identified=self._identities.identified(named),
        )

    def _replacements(
        self, key: str, routes: AbstractSet[ObjectKey], sections: AbstractSet[str | None]
    ) -> Iterable[Replacement]:
        """Compile a Gateway again; returns which of its pieces are others now."""
        gateway = self._gateways.by_key.get(key)
        if gateway is None:
            table = self._tables.pop(key, None)
            return table.remove() if table else ()
        if key not in self._tables:
            self._tables[key] = GatewayTable(gateway)
        return self._tables[key].update(
            gateway,
            self._routes.by_gateway.get(key, {}),
            response=self._responses.of(key),
            changed_routes=routes,
            changed_sections=sections,
            policies=self._policies,
            namespace_labels=self._labels,
            identity=self._identities.of(key),
        )

    def _tell(self, policy: str) -> None:
        """Find out anew what is to be said of a policy."""
        facts = None
        if known := self._policies.known.get(policy):
            acceptance = self._policies.acceptance(known.policy)
            beside = self._policies.beside(known.policy)
            checked = self._policies.checked(known.policy)
            facts = policy_facts(known.policy, acceptance, checked, self._paths.of(policy), beside)
        namespace, _, name = policy.partition("/")
        self._facts.set((namespace, name), facts)
        self._problems.set(("RateLimitPolicy", policy), (facts and facts.problems) or None)

    def _collected(self) -> Compilation:
        for name in self._tables.keys() | self._programs.keys():
            table = self._tables.get(name)
            self._programs.set(name, table.program() if table else None)
        problems = self._compilation.problems
        if (by_object := self._problems.values()) is not self._by_object:
            self._by_object = by_object
            problems = tuple(sorted(chain.from_iterable(by_object)))
        now = Compilation(self._programs.values(), self._limits.limits(), self._facts.values(), problems)
        if not are(astuple(self._compilation), astuple(now)):
            self._compilation = now
        return self._compilation


def _key(gateway: Gateway) -> str:
    return f"{gateway.metadata.namespace}/{gateway.metadata.name}"
