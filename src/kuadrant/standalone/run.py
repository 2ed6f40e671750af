"""`kuadrant run`: the parts, wired for one machine."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST

from kuadrant import log
from kuadrant.api.limitador import union
from kuadrant.api.problem import Problem
from kuadrant.dialects import Service, UnknownDialectError, chosen
from kuadrant.envoy_api import InvalidResourceError
from kuadrant.gateways import envoy
from kuadrant.operations import OperationsServer
from kuadrant.ratelimit import InvalidLimitsError, RateLimitService, make_server
from kuadrant.standalone import folder as folders
from kuadrant.standalone.echo import EchoServer
from kuadrant.standalone.envoy_process import EnvoyError, EnvoyProcess, executable
from kuadrant.standalone.plan import Mistakes, Plan, Surroundings, plan
from kuadrant.standalone.rollout import Target, stages
from kuadrant.standalone.summary import summary
from kuadrant.status import Evidence, PolicyStatus, policy_status
from kuadrant.wasm import catalogue
from kuadrant.wasm.fetches import Fetches
from kuadrant.wasm.server import serve
from kuadrant.xds import EMPTY, AddressError, Refusal, Server, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from pathlib import Path

    from kuadrant.api.limitador import Limit
    from kuadrant.settings import RunSettings
    from kuadrant.standalone.folder import File
    from kuadrant.standalone.rollout import Resources
    from kuadrant.wasm.module import Module
    from kuadrant.wasm.server import Fetch, ModuleServer

logger = log.get("kuadrant")
modules = log.get("wasm-shim")

LOOPBACK = "127.0.0.1"
NOT_APPLIED = "the change is not applied, the last good state stays"
_STAGE_SECONDS = 15.0
_SILENT = f"Envoy has not said within {_STAGE_SECONDS:.0f} s whether it takes the change"
_AGAIN_SECONDS = 5.0
# Envoy's "info" is what a developer of Envoy wants to know.
_ENVOY_LEVELS = {"debug": "info", "info": "warning", "warn": "warning", "error": "error"}
_READY_SECONDS = 60.0
_LISTEN_POLL_SECONDS = 0.01


class StartError(Exception):
    """Something that is needed cannot be had; the text says what, and what to do."""


async def run(folder: Path, settings: RunSettings) -> int:
    """Serve ``folder`` until SIGINT or SIGTERM; return the exit code.

    Nothing that was started is left when this returns.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
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
    except (StartError, EnvoyError, AddressError, folders.FolderError) as error:
        print(f"kuadrant: {error}", file=sys.stderr)
        return 1


class Standalone:
    """The servers, the Envoy and the folder; use it as a context."""

    def __init__(self, folder: Path, settings: RunSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._stack = AsyncExitStack()
        self._module_server: ModuleServer | None = None
        self._now = Target((), {})
        self._snapshot = EMPTY
        self._addresses: dict[envoy.ListenerKey, envoy.Address] = {}
        self._files: tuple[File, ...] = ()
        self._noted: tuple[Problem, ...] = ()
        self._said: dict[str, PolicyStatus] = {}
        self._changed = asyncio.Event()
        self._refused = asyncio.Event()
        self._retiring: asyncio.TimerHandle | None = None

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
        self._files = await folders.read_settled(self._folder)
        await self._start_servers()
        first = await asyncio.to_thread(plan, self._files, self._surroundings, {})
        if isinstance(first, Mistakes):
            _print_mistakes(first.problems)
            return 1
        _require_free(
            ("--admin-port", envoy.Address(LOOPBACK, settings.admin_port)),
            *(("--port", address) for address in first.addresses.values()),
        )
        await self._start_envoy(path, first)
        while True:
            await changed.wait()
            changed.clear()
            try:
                await self._follow()
            except Exception:
                # A defect of ours must not take down what runs.
                logger.exception(NOT_APPLIED)

    async def _watch(self, changed: asyncio.Event, stop: asyncio.Event) -> None:
        """Set ``changed`` at every change of the folder from now on, also of those during the start."""
        if not self._folder.is_dir():
            return  # reading it says so

        async def watch() -> None:
            async for _ in folders.changes(self._folder, stop):
                changed.set()

        async def watch_modules(folder: Path) -> None:
            async for _ in catalogue.changes(folder):
                changed.set()

        for watching in (
            watch(),
            *((watch_modules(self._settings.modules),) if self._settings.modules else ()),
        ):
            self._stack.callback(asyncio.create_task(watching).cancel)
        await asyncio.sleep(0)  # the watcher is in place after its first step

    async def _start_servers(self) -> None:
        settings = self._settings
        try:
            served = catalogue.carried(settings.modules)
            dialect = chosen(served[0].dialects)
        except (catalogue.CatalogueError, UnknownDialectError) as error:
            raise StartError(str(error)) from error
        logger.info("wasm-shim", sha256=served[0].sha256)
        fetches = Fetches(served, asyncio.get_running_loop().time)

        def note(fetch: Fetch) -> None:
            fetches.note(fetch)
            modules.debug("fetch", **{name: getattr(fetch, name) for name in fetch.__struct_fields__})

        if settings.wasm_port:
            try:
                self._module_server = await self._stack.enter_async_context(
                    serve(served, settings.address, settings.wasm_port, observer=note)
                )
            except OSError as error:
                raise _taken("--wasm-port", settings.address, settings.wasm_port, error) from error
        self._limits = RateLimitService(headers=settings.rate_limit_headers)
        rate_limit = settings.rate_limit_service
        if rate_limit is None:
            server = make_server(self._limits, LOOPBACK, 0)
            await server.start()
            self._stack.push_async_callback(server.stop, 0.2)
            rate_limit = envoy.Address(LOOPBACK, server.port)
        echo = None
        if settings.echo:
            echo_server = EchoServer(LOOPBACK)
            await echo_server.start()
            self._stack.push_async_callback(echo_server.stop)
            echo = envoy.Address(LOOPBACK, echo_server.port)
        self._xds = Server(host=LOOPBACK, on_refusal=self._on_refusal)
        self._xds_address = envoy.Address(LOOPBACK, await self._xds.start())
        self._stack.push_async_callback(self._xds.stop)
        if settings.metrics_port:
            operations = OperationsServer(
                {
                    "/metrics": (CONTENT_TYPE_LATEST, lambda: self._limits.metrics() + fetches.metrics()),
                    "/xds": ("application/json", lambda: msgspec.json.encode(self._xds.status())),
                },
                settings.address,
                settings.metrics_port,
            )
            try:
                await operations.start()
            except OSError as error:
                raise _taken("--metrics-port", settings.address, settings.metrics_port, error) from error
            self._stack.push_async_callback(operations.stop)
        self._served = served
        self._surroundings = Surroundings(
            module=served[0].data,
            module_name=f"{served[0].name} {served[0].version}",
            dialect=dialect,
            service=Service(
                cluster=envoy.RATE_LIMIT_CLUSTER,
                timeout_ms=settings.rate_limit_timeout,
                failure_mode=settings.failure_mode,
            ),
            rate_limit=rate_limit,
            echo=echo,
            first=envoy.Address(settings.address, settings.port),
        )

    async def _start_envoy(self, path: Path, first: Plan) -> None:
        """Start Envoy with the first plan and return when its listeners are open; show what there is to try."""
        settings = self._settings
        try:
            self._hold(first.target.limits)
            await self._send(first.target.resources)
        except (InvalidResourceError, InvalidLimitsError) as error:
            raise StartError(str(error)) from error
        bootstrap = envoy.bootstrap(
            "kuadrant-standalone", admin=envoy.Address(LOOPBACK, settings.admin_port), xds=self._xds_address
        )
        process = EnvoyProcess(path, bootstrap, level=_ENVOY_LEVELS[settings.log_level])
        running = asyncio.create_task(process.run())

        async def end() -> None:
            await process.stop()
            running.cancel()
            await asyncio.wait((running,))

        self._stack.push_async_callback(end)
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await _first(
                    self._serving(first.addresses.values()), process.failed.wait(), self._refused.wait()
                )
        except TimeoutError:
            raise StartError(
                f"Envoy has not opened its listeners within {_READY_SECONDS:.0f} s; LOG_LEVEL=debug shows more"
            ) from None
        if process.failed.is_set():
            raise EnvoyError(f"{path} does not run; its own words are above")
        if self._refused.is_set():
            raise StartError("Envoy refuses the configuration; its own words are above")
        self._accept(first)
        print(summary(first.compilation.programs, first.addresses))
        print(f"\nEnvoy's admin page: http://{LOOPBACK}:{settings.admin_port}")
        if settings.wasm_port:
            print(
                f"The module: http://{envoy.Address(settings.address, settings.wasm_port)}/kuadrant-wasm-shim"
            )
        following = "" if settings.once else f"Changes of {self._folder} are live when they are saved. "
        print(f"Ready. {following}Ctrl-C ends it.", flush=True)

    async def _serving(self, addresses: Iterable[envoy.Address]) -> None:
        """Return when Envoy has taken all listeners and connections to them are taken.

        That something takes connections there says nothing by itself: it may be another program.
        """
        await self._xds.taken(envoy.CLUSTER, envoy.LISTENER)
        for address in addresses:
            await _listening(address)

    async def _follow(self) -> None:
        """Read the folder and the modules again and make them live; or say what is wrong, and leave all as it is."""
        try:
            files = await folders.read_settled(self._folder, self._files)
        except folders.FolderError as error:
            _log_mistakes((Problem(str(self._folder), 1, 1, "", "", str(error)),))
            return
        try:
            served, surroundings = await asyncio.to_thread(self._modules)
        except (catalogue.CatalogueError, UnknownDialectError, OSError) as error:
            logger.error(NOT_APPLIED, module=str(error))  # noqa: TRY400 - it is about the folder, not about our code
            return
        if files == self._files and served == self._served:
            logger.info("the folder is again as it runs")
            return
        emptied = {file.path: file for file in folders.emptied(self._files, files)}
        wanted = await asyncio.to_thread(
            plan, (emptied.get(file.path, file) for file in files), surroundings, self._addresses
        )
        if isinstance(wanted, Mistakes):
            _log_mistakes(wanted.problems)
            return
        refusals = await self._roll_out(wanted.target)
        if refusals:
            logger.error(NOT_APPLIED, reasons=refusals)
            if _SILENT in refusals:
                # Not a word against it: Envoy or the machine was busy.
                asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._changed.set)
            return
        self._files = files
        if served != self._served:
            logger.info("wasm-shim", sha256=served[0].sha256)
            self._served, self._surroundings = served, surroundings
            if self._module_server is not None:
                self._module_server.replace(served)
        self._accept(wanted)
        self._retire_limits(wanted.target.limits)

    def _modules(self) -> tuple[tuple[Module, ...], Surroundings]:
        """The modules as they are now, and the surroundings with the first of them.

        Raises:
            CatalogueError: A module is not what its lock file says.
            UnknownDialectError: The first one reads nothing that is written here.
            OSError: One cannot be read.
        """
        if self._settings.modules is None:
            return self._served, self._surroundings
        served = catalogue.carried(self._settings.modules)
        return served, msgspec.structs.replace(
            self._surroundings,
            module=served[0].data,
            module_name=f"{served[0].name} {served[0].version}",
            dialect=chosen(served[0].dialects),
        )

    async def _roll_out(self, wanted: Target) -> tuple[str, ...]:
        """Bring the rate limit service and Envoy to ``wanted``; on a refusal, back to where they were. Returns the refusals."""
        if self._retiring is not None:
            self._retiring.cancel()
        before = self._now
        try:
            # What cannot be told to one of them is found out before anything is changed.
            await asyncio.to_thread(Snapshot.of, wanted.resources, self._snapshot)
            self._hold(union(wanted.limits, before.limits))
        except (InvalidResourceError, InvalidLimitsError) as error:
            return (str(error),)
        for stage in stages(before, wanted):
            refusals = await self._step(stage)
            if refusals:
                for back in stages(self._now, before):
                    await self._step(back)
                return refusals
        return ()

    async def _step(self, stage: Target) -> tuple[str, ...]:
        """Go to ``stage`` and return what Envoy has against it."""
        self._hold(stage.limits)
        changed = [url for url, named in stage.resources.items() if named != self._now.resources.get(url)]
        await self._send(stage.resources)
        try:
            async with asyncio.timeout(_STAGE_SECONDS):
                return await self._settled(changed)
        except TimeoutError:
            return (_SILENT,)

    async def _settled(self, types: Iterable[str]) -> tuple[str, ...]:
        return tuple(refusal.text for refusal in await self._xds.settled(*types))

    def _on_refusal(self, refusal: Refusal) -> None:
        self._refused.set()
        logger.error(
            "Envoy refuses a part of its configuration",
            type=refusal.type_url.rpartition(".")[2],
            node=refusal.node,
            text=refusal.text,
        )

    def _retire_limits(self, wanted: tuple[Limit, ...]) -> None:
        """Forget limits that are no longer wanted, as soon as no call that still asks for them can be on its way."""
        if self._now.limits == wanted:
            return

        grace = self._settings.rate_limit_timeout / 1000 + 1
        self._retiring = asyncio.get_running_loop().call_later(grace, self._hold, wanted)

    def _hold(self, limits: tuple[Limit, ...]) -> None:
        """Have the rate limit service hold these limits."""
        if limits != self._now.limits:
            self._limits.replace(limits)
            self._now = Target(limits, self._now.resources)

    async def _send(self, resources: Resources) -> None:
        """Tell Envoy these resources."""
        self._snapshot = await asyncio.to_thread(Snapshot.of, resources, self._snapshot)
        self._now = Target(self._now.limits, resources)
        await self._xds.set(self._snapshot)

    def _accept(self, live: Plan) -> None:
        """Note that all of ``live`` has been acknowledged, and say what that means for each policy."""
        self._addresses = live.addresses
        for note in live.notes:
            if note not in self._noted:
                _log_problem(logger.warning, note)
        self._noted = live.notes
        # Without a stream there is an Envoy on its way back, which has acknowledged nothing.
        gateways = {gateway for gateway, _ in live.addresses} if self._xds.status() else set()
        evidence = Evidence(acknowledged=frozenset(gateways))
        statuses = {fact.policy.key: policy_status(fact, evidence) for fact in live.compilation.policies}
        for key, status in statuses.items():
            if status != self._said.get(key):
                for condition in status.conditions:
                    logger.info(
                        "RateLimitPolicy",
                        policy=key,
                        **{condition.type: condition.status},
                        reason=condition.reason,
                        message=condition.message,
                    )
        self._said = statuses
        logger.info("the configuration is live", policies=len(statuses), limits=len(live.target.limits))


async def _first(*waits: Coroutine[object, object, object]) -> None:
    """Return when the first of ``waits`` is over; the others are given up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


async def _listening(address: envoy.Address) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(address.host, address.port)
        except OSError:
            await asyncio.sleep(_LISTEN_POLL_SECONDS)
        else:
            writer.close()
            return


def _require_free(*wanted: tuple[str, envoy.Address]) -> None:
    """Find out whether all these ports, each wanted by an option, can be had at once."""
    with contextlib.ExitStack() as held:
        for option, address in wanted:
            family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
            try:
                held.enter_context(socket.create_server((address.host, address.port), family=family))
            except OSError as error:
                raise _taken(option, address.host, address.port, error) from error


def _taken(option: str, host: str, port: int, error: OSError) -> StartError:
    return StartError(f"port {port} of {host} cannot be had ({error.strerror}); choose another with {option}")


def _print_mistakes(problems: Iterable[Problem]) -> None:
    problems = tuple(problems)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"kuadrant: {len(problems)} mistakes; nothing was started", file=sys.stderr)


def _log_mistakes(problems: Iterable[Problem]) -> None:
    problems = tuple(problems)
    for problem in problems:
        _log_problem(logger.error, problem)
    logger.error(NOT_APPLIED, mistakes=len(problems))


def _log_problem(write: Callable[..., None], problem: Problem) -> None:
    write(
        problem.message,
        file=problem.file,
        line=problem.line,
        column=problem.column,
        object=problem.subject,
        field=problem.field,
    )
