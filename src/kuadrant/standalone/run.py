"""`kuadrant run`: the parts, wired for one machine."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Self

from kuadrant import log
from kuadrant.envoy_api import InvalidResourceError
from kuadrant.gateways import envoy
from kuadrant.process import set_by
from kuadrant.ratelimit import InvalidLimitsError
from kuadrant.standalone.announcements import NOT_APPLIED, print_mistakes, show
from kuadrant.standalone.console_feed import ConsoleFeed
from kuadrant.standalone.envoy_process import EnvoyError, EnvoyProcess, executable
from kuadrant.standalone.errors import StartError
from kuadrant.standalone.folder_follower import FolderFollower
from kuadrant.standalone.folder_selection import FolderError, printable
from kuadrant.standalone.folder_watch import changes
from kuadrant.standalone.open_listeners import KeptOpen, open_listeners, opened
from kuadrant.standalone.plan import Mistakes, Plan
from kuadrant.standalone.ports import listening, require_free
from kuadrant.standalone.servers import LOOPBACK, Servers
from kuadrant.standalone.settled_folder import read_settled
from kuadrant.standalone.summary import summary
from kuadrant.tasks import PartEndedError, keep
from kuadrant.wasm import folder_changes
from kuadrant.xds import AddressError, Refusal

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from kuadrant.compiler import RulesOf
    from kuadrant.settings import RunSettings

logger = log.get("kuadrant")

# Envoy's "info" is what a developer of Envoy wants to know.
_ENVOY_LEVELS = {"debug": "info", "info": "warning", "warn": "warning", "error": "error"}
_READY_SECONDS = 60.0
_OPEN_SECONDS = 10.0
_SWITCH_SECONDS = 0.0002


async def run(folder: Path, settings: RunSettings) -> int:
    """Serve ``folder`` until SIGINT or SIGTERM; return the exit code.

    Nothing that was started is left when this returns.
    """
    # Requests are answered beside the thread that works out changes: they are not to wait 5 ms for it again
    # and again.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # Nor for the collector, which has everything else stand still.
    stop = set_by((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        async with Standalone(folder, settings) as standalone:
            serving = asyncio.create_task(standalone.serve(stop))
            asked = asyncio.create_task(stop.wait())
            await asyncio.wait((serving, asked), return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if not serving.done():
                serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                return await serving
            return 0
    except (StartError, EnvoyError, AddressError, FolderError) as error:
        print(f"kuadrant: {error}", file=sys.stderr)
        return 1


class Standalone:
    """The servers, the Envoy and the folder; use it as a context."""

    def __init__(self, folder: Path, settings: RunSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._admin = envoy.Address(LOOPBACK, settings.admin_port)
        self._stack = AsyncExitStack()
        self._servers = Servers(settings, self._stack)
        self._changed = asyncio.Event()
        self._refused = asyncio.Event()
        self._console: ConsoleFeed | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()

    async def serve(self, stop: asyncio.Event) -> int:
        """Start everything, follow the folder until ``stop`` is set, and return the exit code."""
        settings = self._settings
        path = executable(settings.envoy)
        changed = self._changed
        if not settings.once:
            await self._watch(changed, stop)
        files = await read_settled(self._folder)
        surroundings = await self._servers.start(self._on_refusal)
        if settings.console_port:
            self._console = ConsoleFeed(settings, self._servers, printable(self._folder))
        follower = FolderFollower(
            self._folder,
            settings,
            self._servers,
            files=files,
            surroundings=surroundings,
            look=changed.set,
            console=self._console,
        )
        first = await follower.plan(files, surroundings)
        if isinstance(first, Mistakes):
            print_mistakes(first.problems)
            return 1
        require_free(
            ("--admin-port", self._admin),
            *(("--port", address) for address in first.served.values()),
        )
        await self._start_envoy(path, first, follower)
        await follower.telling.tell(first)
        del first  # with all documents
        telling = asyncio.create_task(keep("telling what is suspicious in the folder", follower.telling.run))
        self._stack.callback(telling.cancel)
        while True:
            await changed.wait()
            changed.clear()
            try:
                await follower.follow()
            except Exception:
                # A defect of ours must not take down what runs.
                logger.exception(NOT_APPLIED)

    async def _watch(self, changed: asyncio.Event, stop: asyncio.Event) -> None:
        """Set ``changed`` at every change of the folder from now on, also of those during the start."""
        if not self._folder.exists():
            return  # reading it says so

        async def watch() -> None:
            async for _ in changes(self._folder, stop):
                changed.set()
            if not stop.is_set():
                raise PartEndedError("the folder is not looked at any more")

        async def watch_modules(*folders: Path) -> None:
            async for _ in folder_changes.changes(*folders):
                changed.set()

        watching = [keep("following the folder", watch, ends=True, again=changed.set)]
        given = (self._settings.modules, self._settings.trusted_keys)
        if folders := [one for one in given if one is not None]:
            of_modules = partial(watch_modules, *folders)
            watching.append(keep("following the modules", of_modules, again=changed.set))
        for one in watching:
            self._stack.callback(asyncio.create_task(one).cancel)
        await asyncio.sleep(0)  # the watcher is in place after its first step

    async def _start_envoy(self, path: Path, first: Plan, follower: FolderFollower) -> None:
        """Start Envoy with the first plan and return when its listeners are open."""
        settings = self._settings
        try:
            follower.live.hold(first.target.limits)
            await follower.live.send(first.target.resources)
        except (InvalidResourceError, InvalidLimitsError) as error:
            raise StartError(str(error)) from error
        bootstrap = envoy.bootstrap(
            "kuadrant-standalone",
            admin=self._admin,
            xds=self._servers.xds_address,
        )
        process = EnvoyProcess(path, bootstrap, level=_ENVOY_LEVELS[settings.log_level])
        running = asyncio.create_task(keep("running Envoy", process.run, ends=True))

        async def end() -> None:
            await process.stop()
            running.cancel()
            await asyncio.wait((running,))

        self._stack.push_async_callback(end)
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await _first(self._serving(first, follower), process.failed.wait(), self._refused.wait())
        except TimeoutError:
            raise StartError(
                f"Envoy has not opened its listeners within {_READY_SECONDS:.0f} s; LOG_LEVEL=debug "
                "shows more"
            ) from None
        if process.failed.is_set():
            raise EnvoyError(f"{path} does not run; its own words are above")
        if process.lacks_wasm:
            raise EnvoyError(
                f"{path} was built without WebAssembly, so it cannot run the module that limits; leave out "
                "--envoy, or give one that can (docs/compatibility.md)"
            )
        if self._refused.is_set():
            raise StartError("Envoy refuses the configuration; its own words are above")
        follower.take(first)
        await self._start_console()
        self._show(first, follower.planner.origins)
        kept = KeptOpen(
            lambda: follower.live.listeners, partial(open_listeners, self._admin), follower.live.listen_again
        )
        looking = asyncio.create_task(keep("the look at Envoy's ports", kept.run))
        self._stack.callback(looking.cancel)

    async def _start_console(self) -> None:
        """Open the page that shows what goes on; that it cannot be opened ends nothing."""
        console, settings = self._console, self._settings
        if console is None:
            return
        if problem := await console.start():
            logger.warning("there is no console", port=settings.console_port, problem=problem)
            return
        self._stack.push_async_callback(console.stop)
        following = asyncio.create_task(keep("telling the console of Envoy", console.follow_envoy))
        self._stack.callback(following.cancel)

    def _show(self, live: Plan, rules_of: RulesOf) -> None:
        """Show a person what there is to try; that nobody can read it ends nothing."""
        settings = self._settings
        lines = [
            summary(live.compilation.programs, live.served, rules_of),
            f"\nEnvoy's admin page: http://{LOOPBACK}:{settings.admin_port}",
        ]
        if self._console is not None and self._console.url:
            lines.append(f"The console: {self._console.url}")
        if settings.wasm_port:
            module = envoy.Address(settings.address, settings.wasm_port)
            lines.append(f"The module: http://{module}/kuadrant-wasm-shim")
        following = (
            "" if settings.once else f"Changes of {printable(self._folder)} are live when they are saved. "
        )
        lines.append(f"Ready. {following}Ctrl-C ends it.")
        show("\n".join(lines))

    async def _serving(self, first: Plan, follower: FolderFollower) -> None:
        """Return when Envoy has taken all listeners and has opened them.

        That something takes connections there says nothing by itself: it may be another program.

        Raises:
            StartError: it is another program.
        """
        await self._servers.xds.taken(envoy.CLUSTER, envoy.LISTENER)
        for address in first.served.values():
            await listening(address)
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                await opened(self._admin, frozenset(follower.live.listeners))
        except TimeoutError:
            raise StartError(
                "Envoy could not open all its ports, its own words are above: another program has taken one; "
                "choose others with --port"
            ) from None

    def _on_refusal(self, refusal: Refusal) -> None:
        self._refused.set()
        logger.error(
            "Envoy refuses a part of its configuration",
            type=refusal.type_url.rpartition(".")[2],
            node=refusal.node,
            text=refusal.text,
        )


async def _first(*waits: Coroutine[object, object, object]) -> None:
    """Return when the first of ``waits`` is over; the others are given up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
