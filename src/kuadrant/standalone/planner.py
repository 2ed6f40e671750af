"""Makes plans of a folder one after the other, at the cost of what is different (docs/incremental.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from kuadrant.api.document_cache import DocumentCache
from kuadrant.compiler import Compiler, LimitRevisions
from kuadrant.explanation import Configuration, Origins, RulesAsked
from kuadrant.standalone.kept_sources import KeptSources
from kuadrant.standalone.plan import Before, Mistakes, Plan, PlanSettings, plan
from kuadrant.topology import Topology, changes, topology

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable

    from kuadrant.api.limitador import Limit
    from kuadrant.compiler import Compilation, RuleOrigin
    from kuadrant.compiler.program import RuleProgram
    from kuadrant.standalone.folder_files import File
    from kuadrant.topology import RouteChanges


class Planner:
    """Remembers what the last plan was made of, and which one is live.

    Args:
        limits: Returns the limits that the rate limit service holds.
        is_asked_later: The configuration is asked what becomes of requests, with the places of what decides.
    """

    def __init__(self, limits: Callable[[], tuple[Limit, ...]], *, is_asked_later: bool = False) -> None:
        self._limits = limits
        self._documents = DocumentCache()
        self._compiler = Compiler()
        self._revisions = LimitRevisions()
        self._before = Before()
        self._topology: Topology | None = None
        self._is_asked_later = is_asked_later
        self.topology = Topology(classes=())
        """What hangs on what by the last plan."""
        self.configuration: Configuration | None = None
        """The last plan, to be asked what becomes of requests; None if nobody asks later."""
        self.changes: tuple[RouteChanges, ...] = ()
        """What is different in the last plan from the one that is live, by route."""

    def plan(self, given: Iterable[File], surroundings: PlanSettings, now: dt.datetime) -> Plan | Mistakes:
        """Return what to have for files; listeners keep addresses, and certificates where they must."""
        files = tuple(given)
        planned = plan(
            files,
            surroundings,
            self._before,
            now,
            self._compiler.compile,
            read_documents=self._documents.read,
            revised=self._revised,
        )
        if isinstance(planned, Plan):
            self._look(planned, files, surroundings)
        return planned

    def _look(self, planned: Plan, files: tuple[File, ...], surroundings: PlanSettings) -> None:
        # The compiler tells where rules come from only until it compiles the next time: who asks later has
        # what the topology has asked for.
        facts, rules = planned.compilation.policies, RulesAsked(self._compiler.origins)
        sources = planned.folder.sources if self._is_asked_later else {}
        of = Configuration(
            planned.compilation,
            Origins(rules, facts, sources),
            surroundings.service.failure_mode,
            {address.port: key for key, address in planned.addresses.items()},
            objects=planned.folder.objects,
        )
        self.topology = topology(of)
        self.changes = () if self._topology is None else changes(self._topology, self.topology)
        if self._is_asked_later:
            origins = Origins(rules.kept, facts, KeptSources(sources, files))
            self.configuration = structs.replace(of, origins=origins)

    def _revised(self, compilation: Compilation) -> Compilation:
        return self._revisions(compilation, self._limits())

    def origins(self, gateway: str, port: int, hostname: str) -> tuple[tuple[RuleProgram, RuleOrigin], ...]:
        """Return where the rules of a host name come from (``RulesOf``), of what was planned last."""
        return self._compiler.origins(gateway, port, hostname)

    def take(self, live: Plan) -> None:
        """Note that all of ``live``, which was planned last, is in force."""
        self._before = live.before
        self._topology = self.topology
