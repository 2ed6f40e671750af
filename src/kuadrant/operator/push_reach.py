"""Under which name and by which authority gateways are to know the push server, and whether they would reach it so."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from kuadrant import log
from kuadrant.gateways.envoy import Address
from kuadrant.gateways.push import PushServer
from kuadrant.operator.certificate_keeper import CertificateKeeper
from kuadrant.operator.proof import prove_reachable

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from kuadrant.operator.certificate import Shown
    from kuadrant.operator.push import Push
    from kuadrant.operator.replicas import Replicas
    from kuadrant.settings import OperatorSettings

logger = log.get("kuadrant-operator")

PUSH_SERVICE: Final = "kuadrant-operator-controller-manager-push-service"

_PROVEN_SECONDS: Final = 30.0
_UNPROVEN_SECONDS: Final = 1.0


def push_address(settings: OperatorSettings) -> Address:
    """Where gateways are to reach the push server."""
    host = settings.push_host or f"{PUSH_SERVICE}.{settings.namespace}.svc.cluster.local"
    return Address(host, settings.push_port)


class PushReach:
    """Has ``push`` show the certificate of the Secret, and proves again and again that gateways reach it and know it by that.

    ``changed`` is called when ``facts`` are others. The leader keeps the Secret. Replicas know each other by the same certificate.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        push: Push,
        replicas: Replicas,
        client: httpx2.AsyncClient,
        *,
        leads: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self._push = push
        self._replicas = replicas
        self._changed = changed
        self._server = PushServer(address=push_address(settings), authority="")
        self._problem = "its certificate is not made yet"
        self._doubted = asyncio.Event()
        self._keeper = CertificateKeeper(
            settings.namespace,
            self._server.address.host,
            client,
            leads,
            take=self._take,
            refuse=self._refuse,
        )

    def facts(self) -> dict[str, Any]:
        """What decisions are made from: ``push`` and ``push_problem`` of ``Known``."""
        return {"push": self._server, "push_problem": self._problem}

    def lead(self) -> None:
        """We lead from now on."""
        self._keeper.lead()

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keeper.run())
            group.create_task(self._prove())

    def _take(self, shown: Shown) -> None:
        self._push.show(shown.certificate)
        self._replicas.authority = shown.authority
        # No gateway is told of it before it was seen under our name.
        self._note(
            PushServer(address=self._server.address, authority=shown.authority),
            "its certificate was not seen yet",
        )
        self._doubted.set()

    def _refuse(self, problem: str) -> None:
        logger.warning("the push server's certificate is not taken, the one before stays", problem=problem)
        if not self._server.authority:
            self._note(self._server, problem)

    async def _prove(self) -> None:
        while True:
            self._doubted.clear()
            server = self._server
            if not server.authority:
                await self._doubted.wait()
                continue
            problem = await prove_reachable(server.address, server.authority)
            if server is self._server:
                self._note(server, problem)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_UNPROVEN_SECONDS if problem else _PROVEN_SECONDS):
                    await self._doubted.wait()

    def _note(self, server: PushServer, problem: str) -> None:
        if (server, problem) == (self._server, self._problem):
            return
        self._server, self._problem = server, problem
        if problem:
            logger.warning("gateways are not told of the push server", problem=problem)
        self._changed()
