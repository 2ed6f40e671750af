"""`kuadrant ratelimit`: the parts, wired for a cluster."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from prometheus_client import CONTENT_TYPE_LATEST

from kuadrant import log
from kuadrant.api.caller_token import mark_of
from kuadrant.api.limitador import Limitador, LimitadorPorts, LimitadorService, storage_secret
from kuadrant.kube.client import ConfigurationError, find_access
from kuadrant.kube.kind import Kind
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store
from kuadrant.operations import OperationsServer
from kuadrant.process import set_by
from kuadrant.ratelimit import Callers, RateLimitService, make_server
from kuadrant.ratelimit.traces import NoTracesError, Traces, can_trace, is_wanted, make_traces
from kuadrant.ratelimit_follower.asked_in_vain import AskedInVain
from kuadrant.ratelimit_follower.caller_keys_follower import CallersFollower
from kuadrant.ratelimit_follower.counter_port import counter_server
from kuadrant.ratelimit_follower.counter_storage import Storage
from kuadrant.ratelimit_follower.gauges import show_gauges
from kuadrant.ratelimit_follower.limit_holder import Holder
from kuadrant.ratelimit_follower.limitador_status import MANAGER
from kuadrant.ratelimit_follower.status_writer import StatusWriter
from kuadrant.tasks import keep

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import httpx2

    from kuadrant.kube.store import Change
    from kuadrant.settings import RatelimitSettings

logger = log.get("ratelimit")

LIMITADORS: Final = Kind(
    "limitador.kuadrant.io", "v1alpha1", "limitadors", "Limitador", Limitador, managers=(MANAGER,)
)

DRAIN_SECONDS = 6.0
"""How long everything is still answered after it was said that the process ends.

Until those who ask are elsewhere.

Nodes take a second or two to lead new connections to another pod, and gateways use a connection for four.
"""
GRACE_SECONDS = 2.0
"""How long calls that are under way may take after that."""


async def run(settings: RatelimitSettings) -> int:
    """Serve the limits of a resource until SIGINT or SIGTERM; return the exit code."""
    stop = set_by((signal.SIGINT, signal.SIGTERM))
    try:
        access = find_access(None if settings.kubeconfig is None else str(settings.kubeconfig))
        async with access.connect() as client:
            await Process(settings, settings.namespace or access.namespace, client).run(stop)
    except (ConfigurationError, OSError) as error:
        logger.error(str(error))  # noqa: TRY400 - it is about the surroundings, not about our code
        return 1
    return 0


class Process:
    """The service, what follows its limits, and what says how it stands."""

    def __init__(self, settings: RatelimitSettings, namespace: str, client: httpx2.AsyncClient) -> None:
        self._key = (namespace, settings.name)
        self._callers = CallersFollower(self._key, LIMITADORS.path(self._key), client)
        callers = Callers(self._callers.confirm)
        self._service = RateLimitService(counter_bytes=settings.counter_memory << 20, callers=callers)
        self._callers.tell(callers)
        self._traces = _traces(self._service)
        answer = None if self._traces is None else self._traces.answer
        self._server = make_server(self._service, settings.address, settings.port, answer=answer)
        store = Store()
        self._table = store.add(LIMITADORS)
        store.listen(self._take)
        self._follower = Follower(LIMITADORS, store, client, only=self._key)
        self._holder = Holder(self._key, self._service)
        self._in_vain = AskedInVain(self._service, self._tell)
        self._storage = Storage(namespace, client, self._service, self._look)
        host = settings.service_host or f"limitador-{settings.name}.{namespace}.svc.cluster.local"
        ports = LimitadorPorts(grpc=settings.port, http=settings.operations_port)
        self._writer = StatusWriter(
            self._key,
            self._table,
            self._holder,
            self._in_vain,
            service=LimitadorService(host, ports),
            client=client,
            traces=can_trace(),
        )
        self._operations = OperationsServer(
            {"/metrics": (CONTENT_TYPE_LATEST, self._service.metrics)},
            settings.address,
            settings.operations_port,
            checks={"/healthz": lambda: None, "/readyz": self._why_not_ready},
        )
        self._counters = counter_server(self._service, settings) if settings.counters_port else None
        self._holds = asyncio.Event()
        self._serving = False
        self._stopping = False
        show_gauges(
            self._service.registry,
            generation=lambda: self._holder.generation or 0,
            store_up=lambda: self._service.store is None or self._service.store.problem is None,
            following=lambda: self._table.synced and self._follower.status.problem is None,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Follow and serve until ``stop`` is set, then end within ``DRAIN_SECONDS`` and ``GRACE_SECONDS``.

        Raises:
            OSError: A port cannot be had.
        """
        async with AsyncExitStack() as stack:
            for pages in filter(None, (self._operations, self._counters)):
                await pages.start()
                stack.push_async_callback(pages.stop)
            parts = {
                asyncio.create_task(part)
                for part in (
                    # Without any of these the limits that are held go on to be served.
                    keep("following the resource", self._follower.run),
                    keep("writing the status", self._writer.run, again=self._look),
                    keep("the choice of the store", self._storage.run, again=self._look),
                    keep("following the key", self._callers.follow),
                    keep("the look at who may ask", self._callers.look_again),
                    keep("the word of limits asked for in vain", self._in_vain.run),
                    self._serve(),
                    _wait(stop),
                )
            }
            if self._traces is not None:
                stack.push_async_callback(self._traces.stop, GRACE_SECONDS)
            stack.push_async_callback(_end, tuple(parts))
            stack.push_async_callback(self._server.stop, GRACE_SECONDS)
            while not stop.is_set():
                done, parts = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
                for part in done:
                    part.result()
            self._stopping = True
            logger.info("stopping")
            if self._serving:
                await asyncio.sleep(DRAIN_SECONDS)

    async def _serve(self) -> None:
        """Open the port as soon as limits are held."""
        await self._holds.wait()
        await self._server.start()
        self._serving = True
        logger.info("serving", address=self._server.host, port=self._server.port, core=self._server.core)

    def _take(self, _: tuple[Change[Any], ...]) -> None:
        self._look()

    def _look(self) -> None:
        """Hold the limits of the resource as it is now, as soon as the store that it names has answered."""
        if self._key in self._table.unreadable:
            return
        limitador = self._table.get(*self._key)
        self._callers.mark("" if limitador is None else mark_of(limitador.metadata.annotations))
        try:
            if limitador is None or self._storage.has(storage_secret(limitador.spec.storage)):
                self._holder.take(limitador)
            elif self._storage.problem is not None:
                self._holder.refuse(self._storage.problem)
            else:
                return
        except Exception:
            # A defect of ours must not take down what runs.
            logger.exception("the resource could not be taken, what is held stays")
            return
        self._writer.look()
        if self._holder.generation is not None:
            self._holds.set()

    def _tell(self) -> None:
        self._writer.look()

    def _why_not_ready(self) -> str | None:
        if self._stopping:
            return "stopping"
        if self._serving:
            return None
        unreadable = self._table.unreadable.get(self._key)
        if unreadable is not None:
            return f"the Limitador {'/'.join(self._key)} cannot be read: {unreadable.problem}"
        return self._follower.status.problem or self._holder.problem or "starting"


def _traces(service: RateLimitService) -> Traces | None:
    """Return what tells of each decision, where the standard variables ask for that and it can be."""
    if not is_wanted(os.environ):
        return None
    try:
        return make_traces(service, os.environ)
    except NoTracesError as error:
        logger.warning("no traces are sent", problem=str(error))
        return None


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
