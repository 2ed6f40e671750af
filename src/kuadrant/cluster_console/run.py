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
from kuadrant.console import Board, ConsoleServer, Shown
from kuadrant.kube.client import FAILURES, RequestError, describe, find_access
from kuadrant.operator.cluster_configuration import ClusterConfigurations
from kuadrant.operator.core import kinds
from kuadrant.policy.failure_mode import FailureMode
from kuadrant.process import set_by
from kuadrant.wasm.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

LOOPBACK: Final = "127.0.0.1"
_MOST_PORTS: Final = 20
_FORBIDDEN: Final = 403


class ConsoleOptions(Struct, frozen=True):
    """What `kuadrant console` was asked to do.

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
        only = options.only or await _seen(client, access.namespace)
        place = f"{access.server}, namespace {only}" if only else access.server
        board = Board(secrets.token_hex(4), Shown(place=place))
        configurations = ClusterConfigurations(options.module, options.failure_mode)
        feed = ClusterFeed(client, board, configurations, namespace=options.namespace, only=only)
        server = await _listening(board, ClusterSources(client, options.namespace), options.port)
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


async def _seen(client: httpx2.AsyncClient, namespace: str) -> str:
    """Return the namespace that is looked at: all, unless the user may see only his own.

    Raises:
        RequestError: The cluster cannot be asked.
    """
    try:
        answer = await client.get(kinds.POLICIES.path(), params={"limit": "1"})
    except FAILURES as error:
        raise RequestError(f"the API server cannot be asked: {describe(error)}") from error
    return namespace if answer.status_code == _FORBIDDEN else ""


async def _listening(board: Board, sources: ClusterSources, first: int) -> ConsoleServer:
    """Return a server at the first port that can be had.

    Raises:
        OSError: None of some can.
    """
    problem = OSError(f"port {first} cannot be had")
    for port in range(first, min(first + _MOST_PORTS, 65536)):
        server = ConsoleServer(board, sources, LOOPBACK, port)
        try:
            await server.start()
        except OSError as error:
            problem = error
        else:
            return server
    raise problem
