"""`kuadrant operator`: the parts, wired for a cluster."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gc
import os
import signal
import socket
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace
from prometheus_client import CONTENT_TYPE_LATEST

from kuadrant import log
from kuadrant.dialects import UnknownDialectError, chosen
from kuadrant.gateways.envoy import Address
from kuadrant.gateways.module import served_module
from kuadrant.gateways.providers import PROVIDERS
from kuadrant.kube.client import ConfigurationError, RequestError, find_access
from kuadrant.kube.events import Recorder
from kuadrant.kube.follow import Follower
from kuadrant.kube.kind import Labelled
from kuadrant.kube.lease import Leadership, Timing
from kuadrant.kube.openapi import spec_fields
from kuadrant.kube.store import Store
from kuadrant.operations import OperationsServer
from kuadrant.operator import kinds
from kuadrant.operator.certificate import made
from kuadrant.operator.decision import Known
from kuadrant.operator.delivery import Deliveries
from kuadrant.operator.metrics import Metrics
from kuadrant.operator.proof import endpoints, prove
from kuadrant.operator.push import Push
from kuadrant.operator.push_reach import PushReach, push_address
from kuadrant.operator.reconcile import Reconciler
from kuadrant.operator.replicas import Neighbours, Replicas
from kuadrant.operator.supply import SERVICE, Supply, offer
from kuadrant.operator.token_reviewer import TokenReviewer
from kuadrant.operator.told import PATH as REPORT
from kuadrant.wasm.catalogue import CatalogueError, carried, changes, state
from kuadrant.wasm.fetches import PATH as FETCHES
from kuadrant.wasm.fetches import Fetches
from kuadrant.wasm.server import serve
from kuadrant.xds import AddressError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

    import httpx2

    from kuadrant.gateways.module import Module as Served
    from kuadrant.settings import OperatorSettings
    from kuadrant.status import Report
    from kuadrant.wasm.catalogue import State
    from kuadrant.wasm.module import Module
    from kuadrant.wasm.server import Fetch, ModuleServer

logger = log.get("kuadrant-operator")
shim = log.get("wasm-shim")

CONTROLLER = "kuadrant.io/kuadrant-operator"
"""Who tells of Events."""
LEASE = "f139389e.kuadrant.io"

_PROVEN_SECONDS = 30.0
_UNPROVEN_SECONDS = 1.0
_SOONEST_SECONDS = 0.1
"""After a first try that failed: the other replicas may be about to see the same change."""
_FIELDS_SECONDS = 60.0
_LINGER_SECONDS = 3.0
"""How long new clients of the module server are answered after a pod's end was said: nodes hear of it when we do, or later."""
_GRACE_SECONDS = 1.5
"""How long answers of the module server may take after that; with the Lease, 5 s in all."""


class LeadershipLostError(Exception):
    """Another replica may write now."""


async def run(settings: OperatorSettings) -> int:
    """Serve modules and keep the cluster as its policies say, until SIGTERM or SIGINT; return the exit code."""
    # Objects come and go by the thousand and are no cycles: to look for some all the time would take longer than deciding.
    gc.set_threshold(100_000, 50, 100)
    stop, terminated = _asked_to_end()
    try:
        since = None if settings.modules is None else state(settings.modules)
        modules = carried(settings.modules)
        chosen(modules[0].dialects)
        access = find_access()
        client = access.connect()
    except (CatalogueError, ConfigurationError, OSError, UnknownDialectError) as error:
        logger.error("cannot start", problem=str(error))  # noqa: TRY400 - its place says nothing
        return 1
    logger.info("wasm-shim", sha256=modules[0].sha256)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(client.aclose)
        metrics = Metrics()
        metrics.watch_client(client)
        push = _push(modules[0], settings, client)
        served = ServedModules(modules)
        operator = Operator(
            settings, client, modules, hold=served.hold, since=since, push=push, metrics=metrics
        )
        try:
            if push is not None:
                await push.start()
                stack.push_async_callback(push.stop)
            if settings.wasm_port:
                linger = lambda: _LINGER_SECONDS if terminated.is_set() else 0.0  # noqa: E731
                await stack.enter_async_context(served.open(settings.wasm_port, linger))
            pages = {
                FETCHES: ("application/json", lambda: msgspec.json.encode(served.fetches.records())),
                REPORT: ("application/json", lambda: msgspec.json.encode(operator.report())),
            }
            checks = {"/healthz": lambda: None, "/readyz": operator.check_ready}
            await _operations(stack, settings.probes_port, pages, checks)
            numbers = {"/metrics": (CONTENT_TYPE_LATEST, lambda: metrics.page() + served.fetches.metrics())}
            await _operations(stack, settings.metrics_port, numbers, {})
        except (OSError, AddressError) as error:
            logger.error("a port cannot be had", problem=str(error))  # noqa: TRY400 - its place says nothing
            return 1
        logger.info("following", server=access.server, source=access.source, namespace=settings.namespace)
        running = asyncio.create_task(operator.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        ended = not stop.is_set()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            try:
                await running
            except* LeadershipLostError:
                logger.error("leadership is lost; ending, to begin anew")  # noqa: TRY400 - no defect
        return 1 if ended else 0


def _push(module: Module, settings: OperatorSettings, client: httpx2.AsyncClient) -> Push | None:
    """The push server, if it is on. Until the certificate is known it shows one that nobody believes."""
    if not settings.push_port:
        return None
    certificate = made(push_address(settings).host, dt.datetime.now(dt.UTC)).certificate
    audiences = [provider.TOKEN.audience for provider in PROVIDERS if provider.TOKEN is not None]
    return Push(module, certificate, settings.push_port, identify=TokenReviewer(client, audiences).identify)


def _asked_to_end() -> tuple[asyncio.Event, asyncio.Event]:
    """What is set by SIGINT and SIGTERM, and what by SIGTERM alone, the word for pods."""
    stop, terminated = asyncio.Event(), asyncio.Event()

    def terminate() -> None:
        terminated.set()
        stop.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGTERM, terminate)
    return stop, terminated


async def _operations(
    stack: contextlib.AsyncExitStack,
    port: int,
    pages: Mapping[str, tuple[str, Callable[[], bytes]]],
    checks: Mapping[str, Callable[[], str | None]],
) -> None:
    """Serve these for as long as ``stack`` lasts, unless the port is off."""
    if port:
        server = OperationsServer(pages, "", port, checks)
        await server.start()
        stack.push_async_callback(server.stop)


class ServedModules:
    """Where gateways get modules, at this replica, and who has got which."""

    def __init__(self, modules: tuple[Module, ...]) -> None:
        self.fetches = Fetches(modules, asyncio.get_running_loop().time)
        self._modules = modules
        self._server: ModuleServer | None = None

    @contextlib.asynccontextmanager
    async def open(self, port: int, linger: Callable[[], float]) -> AsyncIterator[None]:
        """Serve on ``port`` as long as the context lasts."""
        async with serve(
            self._modules, "", port, grace=_GRACE_SECONDS, linger=linger, observer=self._note
        ) as self._server:
            yield

    def hold(self, modules: tuple[Module, ...]) -> None:
        """Give these from the next request on."""
        self.fetches.know(modules)
        if self._server is not None:
            self._server.replace(modules)

    def _note(self, fetch: Fetch) -> None:
        self.fetches.note(fetch)
        shim.debug("fetch", **{name: getattr(fetch, name) for name in fetch.__struct_fields__})


class Operator:
    """Follows the cluster and decides; what was decided is served by every replica and written by the one that leads."""

    def __init__(
        self,
        settings: OperatorSettings,
        client: httpx2.AsyncClient,
        modules: tuple[Module, ...],
        *,
        hold: Callable[[tuple[Module, ...]], None],
        since: State | None,
        push: Push | None,
        metrics: Metrics,
    ) -> None:
        """``modules`` are served; those that ``hold`` is called with are to be from then on. ``since`` is their folder's state."""
        self._settings = settings
        self._hold = hold
        self._supply = Supply(
            modules, lambda module: offer(module, settings), self._prove_served, self._named
        )
        if not settings.wasm_port:
            self._supply.told_problem = "the module server is off"
        self._push = push
        self._asked = Replicas(lambda: self._reconciler.look(), push_address(settings).host)  # noqa: PLW0108 - it comes to be below
        self._reach = (
            None
            if push is None
            else PushReach(
                settings,
                push,
                self._asked,
                client,
                leads=lambda: self._leadership.leads,
                changed=self._note_push,
            )
        )
        self._known = Known(
            delivery=settings.wasm_delivery,
            envoy_gateway_namespace=settings.envoy_gateway_namespace,
            failure_mode=settings.failure_mode,
            **self._supply.facts(),
            **(self._reach.facts() if self._reach is not None else {}),
        )
        self._doubted = asyncio.Event()
        self._by_name = settings.wasm_proof == "service"
        self._client = client
        self._store = Store()
        for kind in kinds.ALL:
            self._store.add(kind)
        # Apart from what decides: it says only when to prove anew, and of whom.
        self._behind = Store()
        self._behind.add(kinds.ENDPOINT_SLICES)
        self._behind.listen(lambda _: self._doubted.set())
        self._by_service = not settings.wasm_host
        self._slices = Labelled(settings.namespace, f"kubernetes.io/service-name={SERVICE}")
        holder = f"{socket.gethostname()}_{os.urandom(4).hex()}"
        timing = Timing.of(settings.lease_seconds)
        self._leadership = Leadership((settings.namespace, LEASE), holder, client, timing)
        metrics.watch_leadership(LEASE, lambda: self._leadership.leads)
        self._since = since
        self._own_problem: str | None = "the module was not asked for yet" if settings.wasm_port else None
        self._push_port = settings.push_port
        self._reconciler = Reconciler(
            self._store,
            client,
            Recorder(CONTROLLER, holder, client),
            metrics,
            known=lambda: self._known,
            leads=lambda: self._leadership.leads,
            prove=self._prove_now,
            deliveries=Deliveries(push, self._asked.heard),
        )
        self._neighbours = Neighbours(self._store, settings.namespace, self._follow_replicas)

    def report(self) -> Report:
        """What this replica knows of gateways and policies."""
        return self._reconciler.report()

    def check_ready(self) -> str | None:
        """What keeps this replica from doing its work, None if nothing does: it serves the module, and knows the cluster."""
        if self._own_problem:
            return self._own_problem
        return None if self._store.synced else "not everything is known yet"

    async def run(self) -> None:
        """Run until cancelled, or until leadership was lost."""
        async with asyncio.TaskGroup() as group:
            for kind in kinds.ALL:
                group.create_task(Follower(kind, self._store, self._client).run())
            behind = Follower(kinds.ENDPOINT_SLICES, self._behind, self._client, only=self._slices)
            group.create_task(behind.run())
            group.create_task(self._leadership.run())
            if self._settings.wasm_port:
                group.create_task(self._prove())
                group.create_task(self._prove_own(self._settings.wasm_port))
            if self._settings.modules is not None:
                group.create_task(self._follow_modules(self._settings.modules))
            group.create_task(self._reconciler.run())
            group.create_task(self._look_at_fields())
            group.create_task(self._lead())
            if self._push is not None and self._reach is not None:
                group.create_task(self._reach.run())
                group.create_task(self._listen(self._push))

    async def _lead(self) -> None:
        await self._leadership.acquired()
        logger.info("leading", lease=LEASE)
        self._reconciler.lead()
        if self._reach is not None:
            self._reach.lead()
        self._follow_replicas()
        await self._leadership.lost()
        raise LeadershipLostError

    def _follow_replicas(self) -> None:
        """Tell the other replicas what pods say, and ask them while we lead."""
        if self._push is None:
            return
        self._push.replicas = self._neighbours.addresses
        if self._leadership.leads:
            asked = (str(Address(address, self._push_port)) for address in self._neighbours.addresses)
            self._asked.follow(asked)

    async def _listen(self, push: Push) -> None:
        """Look again whenever a pod says something."""
        while True:
            await push.changed()
            self._reconciler.look()

    def _note_push(self) -> None:
        """Decide anew: something else is known of the push server."""
        assert self._reach is not None
        self._known = replace(self._known, **self._reach.facts())
        self._reconciler.look()

    async def _follow_modules(self, folder: Path) -> None:
        """Take what is in the folder whenever it has changed; what is not what its lock file says leaves all as it is."""
        async for _ in changes(folder, self._since):
            try:
                self._supply.take(await asyncio.to_thread(carried, folder))
            except (CatalogueError, UnknownDialectError, OSError) as error:
                logger.error("the modules are not taken, those before stay", problem=str(error))  # noqa: TRY400 - it is about the folder
                self._supply.refuse(str(error))
            else:
                shim.info("wasm-shim", sha256=self._supply.wanted.module.sha256)
                self._hold(self._supply.held)
                if not self._settings.wasm_port:
                    self._supply.tell()
            self._note_supply()
            self._doubted.set()

    def _named(self) -> Iterator[str]:
        """The digests of the modules that gateways have been told of, as far as it is known."""
        for provider in PROVIDERS:
            for kind in provider.KINDS:
                for entry in self._store.table(kinds.OF_PROVIDERS[kind.name]).entries.values():
                    if provider.owner(entry.object) is not None:
                        yield provider.module_of(entry.object)

    def _note_supply(self) -> None:
        """Decide anew if something else is known of modules."""
        former, self._known = self._known, replace(self._known, **self._supply.facts())
        known = self._known
        if known == former:
            return
        if self._push is not None:
            self._push.add(self._supply.told.module)
        if known.module_pending and known.module_pending != former.module_pending:
            logger.warning("another module does not take over yet", problem=known.module_pending)
        if (known.module, known.module_problem) != (former.module, former.module_problem):
            if known.module_problem:
                logger.warning("the module is not served", problem=known.module_problem)
            else:
                logger.info("the module is served", url=known.module.url)
        self._reconciler.look()

    async def _prove_own(self, port: int) -> None:
        """Find out again and again whether this replica gives the wanted module's bytes."""
        while True:
            own = served_module("127.0.0.1", port, self._supply.wanted.module.sha256)
            self._own_problem = await prove(own) or None
            await asyncio.sleep(_UNPROVEN_SECONDS if self._own_problem else _PROVEN_SECONDS)

    async def _prove(self) -> None:
        """Find out again and again, and when the Service's endpoints or the modules change, whether addresses give their bytes."""
        pause = _SOONEST_SECONDS
        while True:
            self._doubted.clear()
            await self._supply.prove()
            self._note_supply()
            if not self._supply.proven:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _UNPROVEN_SECONDS)
                continue
            pause = _SOONEST_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PROVEN_SECONDS):
                    await self._doubted.wait()

    async def _prove_served(self, module: Served) -> str:
        return await prove(module, self._endpoints(), by_name=self._by_name)

    def _endpoints(self) -> tuple[Address, ...]:
        """The replicas behind the Service, where gateways are sent to it: another name may lead to a process outside the cluster."""
        if not self._by_service:
            return ()
        slices = self._behind.table(kinds.ENDPOINT_SLICES).entries.values()
        return endpoints(entry.object for entry in slices)

    async def _prove_now(self, module: Served) -> str:
        """What is wrong with an address at this moment; if anything is, it counts for all gateways."""
        problem = await self._prove_served(module)
        if problem:
            self._doubted.set()
        return problem

    async def _look_at_fields(self) -> None:
        """Find out again and again which fields the providers' kinds have: that tells versions of a provider apart."""
        while True:
            fields = dict(self._known.fields)
            for name, kind in kinds.OF_PROVIDERS.items():
                try:
                    found = await spec_fields(self._client, kind)
                except RequestError as error:
                    logger.warning("the fields of a kind are not known", kind=name, problem=str(error))
                    continue
                if found is None:
                    fields.pop(name, None)
                else:
                    fields[name] = found
            if fields != self._known.fields:
                self._known = replace(self._known, fields=fields)
                self._reconciler.look()
            await asyncio.sleep(_FIELDS_SECONDS)
