"""The servers of `kuadrant run` that are not Envoy.

Of modules, limits, resources and, if asked for, of echoes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET
from prometheus_client import CONTENT_TYPE_LATEST

from kuadrant import log
from kuadrant.api.caller_token import HEADER, KEY_BYTES, fingerprint, shown
from kuadrant.dialects import Service, UnknownDialectError, chosen
from kuadrant.gateways import envoy
from kuadrant.operations import OperationsServer
from kuadrant.ratelimit import RateLimitService, make_server
from kuadrant.standalone.counter_socket import CounterSocket, socket_path
from kuadrant.standalone.echo import EchoServer
from kuadrant.standalone.errors import StartError
from kuadrant.standalone.own_explain_key import own_key
from kuadrant.standalone.plan import PlanSettings
from kuadrant.standalone.ports import taken
from kuadrant.wasm import catalogue, trust
from kuadrant.wasm.gateway_fetch_log import FetchLog
from kuadrant.wasm.server import serve
from kuadrant.xds import ON_THIS_MACHINE, Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from kuadrant.settings import RunSettings
    from kuadrant.wasm.module import Module
    from kuadrant.wasm.server import ModuleServer
    from kuadrant.xds import Refusal

logger = log.get("kuadrant")

LOOPBACK = "127.0.0.1"
_CALLER = "kuadrant/run"
"""As whom our Envoy asks our rate limit service, whatever Gateways it is."""
_LIMITS_GRACE_SECONDS = 0.2


class Servers:
    """Starts the servers one after the other; each ends with ``stack``.

    Attributes:
        modules: the modules that are served, the one in use first.
        limits: the rate limit service.
        xds: the server from which Envoy gets its resources.
        xds_address: where it listens.
        policies: the names of the policies that there are; None before anything is live.
    """

    limits: RateLimitService
    xds: Server
    xds_address: envoy.Address

    def __init__(self, settings: RunSettings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._module_server: ModuleServer | None = None
        self.modules: tuple[Module, ...] = ()
        # Of the token that our Envoy shows our rate limit service: others of this machine are strangers.
        self._key = b""
        self._is_asked_here = False
        self.policies: frozenset[str] | None = None

    async def start(self, on_refusal: Callable[[Refusal], None]) -> PlanSettings:
        """Start all of them; return what a plan has to know of them.

        Raises:
            StartError: a port cannot be had, or a module is not what its lock file says.
        """
        settings = self._settings
        try:
            found = trust.served(settings.modules, settings.trusted_keys)
            if found.distrust:
                raise StartError(found.distrust)
            self.modules = found.modules
            dialect = chosen(self.modules[0].dialects)
        except (catalogue.CatalogueError, UnknownDialectError) as error:
            raise StartError(str(error)) from error
        fetch_log = FetchLog(self.modules)
        await self._serve_modules(fetch_log)
        self.limits = RateLimitService(headers=settings.rate_limit_headers)
        rate_limit = settings.rate_limit_service or await self._serve_limits(proves=dialect.proves)
        echo = await self._serve_echo() if settings.echo else None
        self.xds = Server(host=LOOPBACK, on_refusal=on_refusal, limits=ON_THIS_MACHINE)
        self.xds_address = envoy.Address(LOOPBACK, await self.xds.start())
        self._stack.push_async_callback(self.xds.stop)
        await self._serve_pages(fetch_log)
        return PlanSettings(
            module=self.modules[0].data,
            module_name=f"{self.modules[0].name} {self.modules[0].version}",
            dialect=dialect,
            service=Service(
                cluster=envoy.RATE_LIMIT_CLUSTER,
                timeout_ms=settings.rate_limit_timeout,
                failure_mode=settings.failure_mode,
                metadata={HEADER: shown((self._key,), _CALLER)} if self._key else UNSET,
                explain_key=settings.explain_key or self._own_explain_key() or UNSET,
                decision_records="named" if settings.access_log is None else "left",
                remember_denials=UNSET if settings.remember_denials else False,
            ),
            rate_limit=rate_limit,
            echo=echo,
            first=envoy.Address(settings.address, settings.port),
            access_log=None if settings.access_log is None else str(settings.access_log.absolute()),
            http3=settings.http3,
        )

    def replace_modules(self, modules: tuple[Module, ...]) -> None:
        """Serve these from the next request on."""
        self.modules = modules
        if self._module_server is not None:
            self._module_server.replace(modules)

    async def _serve_modules(self, fetch_log: FetchLog) -> None:
        settings = self._settings
        logger.info("wasm-shim", sha256=self.modules[0].sha256)
        if not settings.wasm_port:
            return
        try:
            self._module_server = await self._stack.enter_async_context(
                serve(self.modules, settings.address, settings.wasm_port, observer=fetch_log.note)
            )
        except OSError as error:
            raise taken("--wasm-port", settings.address, settings.wasm_port, error) from error

    def admit_strangers(self, served: bool) -> None:
        """Have our rate limit service serve those who do not show our token, too, or refuse them."""
        if self._key:
            self.limits.callers.hold((self._key,), "" if served else fingerprint(self._key))

    async def _serve_limits(self, *, proves: bool) -> envoy.Address:
        self._key = os.urandom(KEY_BYTES)
        self.admit_strangers(not proves)
        server = make_server(self.limits, LOOPBACK, 0)
        await server.start()
        counters = CounterSocket(self.limits, socket_path(self._settings.port), lambda: self.policies)
        await counters.start()
        self._is_asked_here = counters.is_listening
        self._stack.push_async_callback(counters.stop)
        self._stack.push_async_callback(server.stop, _LIMITS_GRACE_SECONDS)
        return envoy.Address(LOOPBACK, server.port)

    def _own_explain_key(self) -> str | None:
        own = own_key(self._settings.port) if self._is_asked_here else None
        if own is None:
            return None
        file, told = own
        self._stack.callback(file.unlink, missing_ok=True)
        return told

    async def _serve_echo(self) -> envoy.Address:
        server = EchoServer(LOOPBACK)
        await server.start()
        self._stack.push_async_callback(server.stop)
        return envoy.Address(LOOPBACK, server.port)

    async def _serve_pages(self, fetch_log: FetchLog) -> None:
        settings = self._settings
        if not settings.metrics_port:
            return
        fetches = fetch_log.fetches
        pages = {
            "/metrics": (CONTENT_TYPE_LATEST, lambda: self.limits.metrics() + fetches.metrics()),
            "/xds": ("application/json", lambda: msgspec.json.encode(self.xds.status())),
        }
        server = OperationsServer(pages, settings.address, settings.metrics_port)
        try:
            await server.start()
        except OSError as error:
            raise taken("--metrics-port", settings.address, settings.metrics_port, error) from error
        self._stack.push_async_callback(server.stop)
