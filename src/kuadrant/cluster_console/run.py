"""Follows a cluster with the rights of a kubeconfig, and serves the page on this machine."""

from __future__ import annotations

import asyncio
import secrets
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.cluster_console.following import ClusterFeed
from kuadrant.cluster_console.sources import ClusterSources
from kuadrant.cluster_console.visible_namespace import visible_namespace
from kuadrant.console import ConsoleServer, ConsoleState, StateStore
from kuadrant.console.free_port import started_at_free_port
from kuadrant.kube.client import find_access
from kuadrant.operator.cluster_configuration import ClusterConfigurations
from kuadrant.policy.failure_mode import FailureMode
from kuadrant.process import set_by
from kuadrant.wasm.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable

LOOPBACK: Final = "127.0.0.1"


class ConsoleOptions(Struct, frozen=True):
    """Holds what `kuadrant console` was asked to do.

    Attributes:
        port: The first port that is tried.
        namespace: Where the operator and the rate limit service run.
        only: The namespace that is looked at; all that may be seen without.
        kubeconfig: The kubeconfig, if one is named.
        module: What gateways run.
        failure_mode: What becomes of a request for which an expression has no value.
    """

    port: int
    namespace: str
    only: str
    kubeconfig: Path | None
    module: Module
    failure_mode: FailureMode


async def run(options: ConsoleOptions, tell: Callable[[str], object]) -> int:
    """Serve the console until SIGINT or SIGTERM; return the exit code.

    Args:
        options: What is asked for.
        tell: Is told where the page is.

    Raises:
        ConfigurationError: It is not known how to reach a cluster.
        RequestError: It cannot be asked.
        UnknownDialectError: This build does not write what the module reads.
        OSError: No port can be had.
    """
    access = find_access(str(options.kubeconfig) if options.kubeconfig else None)
    async with access.connect() as client:
        only = options.only or await visible_namespace(client, access.namespace)
        place = f"{access.server}, namespace {only}" if only else access.server
        state = StateStore(secrets.token_hex(4), ConsoleState(place=place))
        configurations = ClusterConfigurations(options.module, options.failure_mode)
        feed = ClusterFeed(client, state, configurations, namespace=options.namespace, only=only)
        sources = ClusterSources(client, options.namespace)
        server = await started_at_free_port(
            lambda port: ConsoleServer(state, sources, LOOPBACK, port), options.port
        )
        following = asyncio.create_task(feed.run())
        stop = asyncio.create_task(set_by((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)).wait())
        tell(f"The console of {place}: http://{LOOPBACK}:{server.port}\nCtrl-C ends it.")
        try:
            await asyncio.wait((following, stop), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (following, stop):
                one.cancel()
            await asyncio.gather(following, stop, return_exceptions=True)
            await server.stop()
    return 0
