"""Tells the console of `kuadrant run` what is live, what was refused, and what Envoy says."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

from kuadrant import __version__
from kuadrant.console import MOST_TOLD, ConsoleServer, ConsoleState, RefusedChange, StateStore
from kuadrant.console.free_port import started_at_free_port
from kuadrant.findings import Finding
from kuadrant.gateways import envoy
from kuadrant.standalone.console_sources import RunSources
from kuadrant.status import Content, GatewayReport, Report
from kuadrant.status.gateway_report import PodLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kuadrant.api.problem import Problem
    from kuadrant.explanation import Configuration
    from kuadrant.settings import RunSettings
    from kuadrant.standalone.servers import Servers
    from kuadrant.status import PolicyStatus
    from kuadrant.topology import RouteChanges, Topology
    from kuadrant.xds.discovery_stream import StreamStatus

_ENVOY: Final = "this machine/envoy"


class ConsoleFeed:
    """Keeps the console's state up to date, and the server of its page.

    Args:
        settings: What ``kuadrant run`` was asked to do.
        servers: Its servers, which have started.
        place: What people call the folder.
    """

    def __init__(self, settings: RunSettings, servers: Servers, place: str) -> None:
        self._settings = settings
        self._servers = servers
        notes: tuple[str, ...] = ()
        if settings.rate_limit_service is not None:
            notes = (f"{settings.rate_limit_service} counts, which the console does not ask",)
        self.state = StateStore(secrets.token_hex(4), ConsoleState(place=place, notes=notes))
        self._server: ConsoleServer | None = None

    @property
    def url(self) -> str:
        """Return where the page is; empty if it is nowhere."""
        if self._server is None:
            return ""
        return f"http://{envoy.Address(self._settings.console_address, self._server.port)}"

    async def start(self) -> str:
        """Listen at the port of the settings or the next free one; return why that cannot be, if so."""
        settings = self._settings
        names = [settings.console_host] if settings.console_host else []
        try:
            self._server = await started_at_free_port(
                lambda port: ConsoleServer(
                    self.state, RunSources(self._servers.limits), settings.console_address, port, names=names
                ),
                settings.console_port,
            )
        except OSError as error:
            return error.strerror or str(error)
        return ""

    async def stop(self) -> None:
        """End the server."""
        if self._server is not None:
            await self._server.stop()

    async def follow_envoy(self) -> None:
        """Show what Envoy runs and refuses, for ever."""
        while True:
            self._report()
            await self._servers.xds.changed()

    def live(
        self,
        configuration: Configuration,
        topology: Topology,
        statuses: Mapping[str, PolicyStatus],
        changes: Sequence[RouteChanges],
    ) -> None:
        """Show a configuration that Envoy has acknowledged."""
        now = time.time()
        self.state.update(
            since=now,
            configuration=configuration,
            topology=topology,
            conditions={key: one.conditions for key, one in statuses.items()},
            refused=None,
            edits=self.state.shown.edits_with(changes, now),
        )
        self._report()

    def found(self, findings: tuple[Finding, ...]) -> None:
        """Show what is suspicious in what is live."""
        self.state.update(findings=findings)

    def refused(self, problems: Iterable[Problem | Finding], reasons: Iterable[str] = ()) -> None:
        """Show a change that is not applied."""
        found = tuple(one if isinstance(one, Finding) else _finding(one) for one in problems)
        self.state.update(
            refused=RefusedChange(
                at=time.time(),
                findings=found[:MOST_TOLD],
                reasons=tuple(reasons),
                more=max(0, len(found) - MOST_TOLD),
            )
        )

    def unchanged(self) -> None:
        """Show that the folder is again as it runs."""
        self.state.update(refused=None)

    def _report(self) -> None:
        streams = self._servers.xds.status()
        sha256 = self._servers.modules[0].sha256
        lines = tuple(_line(one, sha256) for one in streams)
        gateways = [one for of in self.state.shown.topology.classes for one in of.gateways]
        self.state.update(
            report=Report(
                leads=True,
                version=__version__,
                gateways=tuple(
                    GatewayReport(
                        gateway=one.gateway,
                        provider="kuadrant run",
                        delivery="push",
                        limited=True,
                        problem="" if streams else "Envoy is not there; it is started again",
                        pods=lines,
                    )
                    for one in gateways
                ),
            )
        )


def _line(stream: StreamStatus, sha256: str) -> PodLine:
    """Return what an Envoy says of itself: it runs all of a version, or what it had before."""
    told = stream.types.get(envoy.EXTENSION)
    refusals = [one.refusal for one in stream.types.values() if one.refusal is not None]
    last = [one.last_refusal for one in stream.types.values() if one.last_refusal is not None]
    refusal = max(refusals or last, key=lambda one: one.at, default=None)
    wanted = Content(sha256, "" if told is None else told.sent_version[:12])
    running = None if told is None or not told.taken_version else Content(sha256, told.taken_version[:12])
    return PodLine(
        pod=_ENVOY,
        ready=True,
        filter="kuadrant",
        wanted=wanted,
        running=running,
        since=None if told is None else max((one.at for one in told.running.values()), default=None),
        evidence="none" if running is None else "acknowledged",
        refusal="" if refusal is None else refusal.text,
        refused_at=None if refusal is None else refusal.at,
        refuses=bool(refusals),
    )


def _finding(one: Problem) -> Finding:
    return Finding(
        one.file,
        one.line,
        one.column,
        one.subject,
        one.field,
        one.message,
        one.code,
        severity="error",
        fix="",
    )
