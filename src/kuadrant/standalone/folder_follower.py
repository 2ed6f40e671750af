"""Follows a folder: a change is read, checked and made live, or said to be wrong."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

import msgspec

from kuadrant import log
from kuadrant.api.problem import Problem
from kuadrant.dialects import UnknownDialectError, chosen
from kuadrant.standalone.announcements import NOT_APPLIED, Announcements, log_mistakes
from kuadrant.standalone.emptied_files import emptied
from kuadrant.standalone.folder_selection import FolderError, printable
from kuadrant.standalone.folder_warnings import Telling
from kuadrant.standalone.live_configuration import SILENT, LiveConfiguration
from kuadrant.standalone.plan import Mistakes, Plan, PlanSettings
from kuadrant.standalone.planner import Planner
from kuadrant.standalone.settled_folder import read_settled
from kuadrant.wasm import catalogue, trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from kuadrant.findings import Finding
    from kuadrant.settings import RunSettings
    from kuadrant.standalone.console_feed import ConsoleFeed
    from kuadrant.standalone.folder_files import File
    from kuadrant.standalone.servers import Servers
    from kuadrant.wasm.module import Module

logger = log.get("kuadrant")

_AGAIN_SECONDS = 5.0


class FolderFollower:
    """Brings what runs to what is in the folder.

    Args:
        folder: The folder.
        settings: What ``kuadrant run`` was asked to do.
        servers: The servers, which have started.
        files: What was in the folder at the start.
        surroundings: What a plan has to know of them.
        look: Has the folder looked at again.
        console: Is told what becomes of it; None if there is no console.
    """

    def __init__(
        self,
        folder: Path,
        settings: RunSettings,
        servers: Servers,
        *,
        files: tuple[File, ...],
        surroundings: PlanSettings,
        look: Callable[[], object],
        console: ConsoleFeed | None = None,
    ) -> None:
        self._folder = folder
        self._is_folder = folder.is_dir()
        self._files = files
        self._settings = settings
        self._servers = servers
        self._surroundings = surroundings
        self._look = look
        self._announcements = Announcements()
        self._console = console
        self.live = LiveConfiguration(
            servers.limits,
            servers.xds,
            settings.rate_limit_timeout / 1000 + 1,
            admit=servers.admit_strangers,
            proves=surroundings.dialect.proves,
        )
        self.planner = Planner(lambda: self.live.limits, is_asked_later=console is not None)
        self.telling = Telling(folder, self._announcements, console)

    async def plan(self, files: Iterable[File], surroundings: PlanSettings) -> Plan | Mistakes:
        """Return what to have for ``files``, in a thread of its own."""
        return await asyncio.to_thread(self.planner.plan, files, surroundings, dt.datetime.now(dt.UTC))

    async def follow(self) -> None:
        """Read the folder and the modules again and make them live.

        Or say what is wrong, and leave all as it is.
        """
        try:
            files = await self._read()
        except FolderError as error:
            self._not_applied((Problem(printable(self._folder), 1, 1, "", "", str(error)),))
            return
        try:
            served, surroundings = await asyncio.to_thread(self._modules)
        except (catalogue.CatalogueError, UnknownDialectError, OSError) as error:
            logger.error(NOT_APPLIED, module=str(error))  # noqa: TRY400 - it is about the folder, not about our code
            self._tell_refused((), (str(error),))
            return
        if files == self._files and served == self._servers.modules:
            logger.info("the folder is again as it runs")
            if self._console is not None:
                self._console.unchanged()
            return
        wrongly_empty = emptied(self._folder, self._files, files)
        wrong = {file.path for file in wrongly_empty}
        wanted = await self.plan(
            (*wrongly_empty, *(file for file in files if file.path not in wrong)), surroundings
        )
        if isinstance(wanted, Mistakes):
            self._not_applied(wanted.problems)
            return
        refusals = await self.live.roll_out(wanted.target, proves=surroundings.dialect.proves)
        if refusals:
            logger.error(NOT_APPLIED, reasons=refusals)
            self._tell_refused((), refusals)
            if SILENT in refusals:
                # Not a word against it: Envoy or the machine was busy.
                asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._look)
            return
        self._files = files
        if served != self._servers.modules:
            logger.info("wasm-shim", sha256=served[0].sha256)
            self._surroundings = surroundings
            self._servers.replace_modules(served)
        self.take(wanted)
        self.live.retire_limits(wanted.target.limits)
        self.telling.note(wanted)

    def _not_applied(self, problems: Sequence[Problem | Finding]) -> None:
        log_mistakes(problems)
        self._tell_refused(problems, ())

    def _tell_refused(self, problems: Sequence[Problem | Finding], reasons: Sequence[str]) -> None:
        if self._console is not None:
            self._console.refused(problems, reasons)

    async def _read(self) -> tuple[File, ...]:
        """Return what is in the folder, or in the file that is followed in a folder's place.

        Raises:
            FolderError: It cannot be read, or is the other of the two now.
        """
        files = await read_settled(self._folder, self._files)
        if self._folder.is_dir() != self._is_folder:
            raise FolderError(f"is not a {'folder' if self._is_folder else 'file'} any more")
        return files

    def _modules(self) -> tuple[tuple[Module, ...], PlanSettings]:
        """The modules as they are now, and the surroundings with the first of them.

        Raises:
            CatalogueError: A module is not what its lock file says.
            UnknownDialectError: The first one reads nothing that is written here.
            OSError: One cannot be read.
        """
        if self._settings.modules is None and self._settings.trusted_keys is None:
            return self._servers.modules, self._surroundings
        found = trust.served(self._settings.modules, self._settings.trusted_keys)
        if found.distrust:
            raise catalogue.CatalogueError(found.distrust)
        served = found.modules
        return served, msgspec.structs.replace(
            self._surroundings,
            module=served[0].data,
            module_name=f"{served[0].name} {served[0].version}",
            dialect=chosen(served[0].dialects),
        )

    def take(self, live: Plan) -> None:
        """Note that all of ``live`` has been acknowledged."""
        statuses = self._announcements.accepted(live, connected=bool(self._servers.xds.status()))
        self._announcements.changed(self.planner.changes)
        self.planner.take(live)
        self._servers.policies = frozenset(one.policy.key for one in live.compilation.policies)
        if self._console is not None and self.planner.configuration is not None:
            self._console.live(
                self.planner.configuration, self.planner.topology, statuses, self.planner.changes
            )
