"""`kuadrant operator`: the process, its ports and its end."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import signal
from typing import TYPE_CHECKING

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST

from kuadrant import log
from kuadrant.dialects import UnknownDialectError, chosen
from kuadrant.gateways.providers import PROVIDERS
from kuadrant.kube.client import ConfigurationError, find_access
from kuadrant.operations import OperationsServer
from kuadrant.operator.core.times import LINGER_SECONDS
from kuadrant.operator.file_descriptors import have_enough
from kuadrant.operator.metrics import Metrics
from kuadrant.operator.modules.served_modules import ServedModules
from kuadrant.operator.operator import LeadershipLostError, Operator
from kuadrant.operator.push.certificate import end, made
from kuadrant.operator.push.reach import push_address
from kuadrant.operator.push.server import Push
from kuadrant.operator.push.token_review import TokenReviewer
from kuadrant.operator_client.status_report import PATH as REPORT
from kuadrant.process import set_by
from kuadrant.tasks import PartEndedError
from kuadrant.wasm import trust
from kuadrant.wasm.catalogue import CatalogueError
from kuadrant.wasm.folder_changes import state
from kuadrant.wasm.gateway_fetches import PATH as FETCHES
from kuadrant.xds import AddressError

if TYPE_CHECKING:
    import httpx2

    from kuadrant.process import Stop
    from kuadrant.settings import OperatorSettings
    from kuadrant.wasm.module import Module

logger = log.get("kuadrant-operator")


async def run(settings: OperatorSettings) -> int:
    """Serve modules and keep the cluster as its policies say, until SIGTERM or SIGINT.

    Return the exit code.
    """
    have_enough()
    stop = set_by((signal.SIGINT, signal.SIGTERM))
    try:
        folders = [one for one in (settings.modules, settings.trusted_keys) if one is not None]
        since = state(*folders) if folders else None
        found = trust.served(settings.modules, settings.trusted_keys)
        modules = found.named
        chosen(modules[0].dialects)
        access = find_access()
        client = access.connect()
    except (CatalogueError, ConfigurationError, OSError, UnknownDialectError) as error:
        logger.error("cannot start", problem=str(error))  # noqa: TRY400 - its place says nothing
        return 1
    logger.info("wasm-shim", sha256=modules[0].sha256)
    if found.distrust:
        logger.warning("a module is not trusted", problem=found.distrust)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(client.aclose)
        metrics = Metrics()
        metrics.watch_client(client)
        push = _push(modules[0], settings, client, metrics) if found.modules else None
        served = ServedModules(modules)
        operator = Operator(
            settings, client, found, hold=served.hold, since=since, push=push, metrics=metrics
        )
        try:
            if push is not None:
                await push.start()
                stack.push_async_callback(push.stop)
            if settings.wasm_port and found.modules:
                # SIGTERM is the word for pods: nodes go on leading clients here for a while.
                linger = lambda: LINGER_SECONDS if signal.SIGTERM in stop.signals else 0.0  # noqa: E731
                await stack.enter_async_context(served.open(settings.wasm_port, linger))
            await _serve_pages(stack, settings, operator, served, metrics)
        except (OSError, AddressError) as error:
            logger.error("a port cannot be had", problem=str(error))  # noqa: TRY400 - its place says nothing
            return 1
        logger.info("following", server=access.server, source=access.source, namespace=settings.namespace)
        return await _until(stop, operator)


async def _until(stop: Stop, operator: Operator) -> int:
    """Run until told to end, or until a part ends; return the exit code."""
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
        except* PartEndedError as parts:
            problem = "; ".join(map(str, parts.exceptions))
            logger.error("ending, to begin anew", problem=problem)  # noqa: TRY400 - it has its place
    return 1 if ended else 0


async def _serve_pages(
    stack: contextlib.AsyncExitStack,
    settings: OperatorSettings,
    operator: Operator,
    served: ServedModules,
    metrics: Metrics,
) -> None:
    """Serve probes, metrics and reports for as long as ``stack`` lasts."""
    # These tell where pods are.
    private = {
        FETCHES: ("application/json", lambda: msgspec.json.encode(served.fetches.records())),
        REPORT: ("application/json", lambda: msgspec.json.encode(operator.report())),
    }
    checks = {"/healthz": lambda: None, "/readyz": operator.check_ready}
    key = operator.pod_uid
    probes = OperationsServer({}, "", settings.probes_port, checks=checks, private=private, key=key)
    numbers = {"/metrics": (CONTENT_TYPE_LATEST, lambda: metrics.page() + served.fetches.metrics())}
    measurements = OperationsServer(numbers, "", settings.metrics_port)
    for server, port in ((probes, settings.probes_port), (measurements, settings.metrics_port)):
        if port:  # 0 is off
            await server.start()
            stack.push_async_callback(server.stop)


def _push(
    module: Module, settings: OperatorSettings, client: httpx2.AsyncClient, metrics: Metrics
) -> Push | None:
    """Return the push server, if it is on.

    Until the certificate is known it shows one that nobody believes.
    """
    if not settings.push_port:
        return None
    certificate = made(push_address(settings).host, dt.datetime.now(dt.UTC)).certificate
    audiences = [provider.TOKEN.audience for provider in PROVIDERS if provider.TOKEN is not None]
    push = Push(
        module,
        certificate,
        settings.push_port,
        identify=TokenReviewer(client, audiences).identify,
        refused=metrics.refused,
    )
    metrics.watch_certificate(lambda: end(push.certificate))
    return push
