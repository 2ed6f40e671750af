"""Decides by which name and authority gateways are to know the push server.

Proves that they would reach it so.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from kuadrant import log
from kuadrant.gateways.delivery_mode import PushTarget
from kuadrant.gateways.envoy import Address
from kuadrant.operator.core.known_facts import PushFacts
from kuadrant.operator.core.times import PROVEN_SECONDS, UNPROVEN_SECONDS
from kuadrant.operator.modules.address_proof import prove_reachable
from kuadrant.operator.push.certificate import PROOF, REPLICA, PushCertificate, word_of
from kuadrant.operator.secrets.secret_keeper import SecretKeeper

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from kuadrant.operator.push.certificate import Shown
    from kuadrant.operator.push.replicas import Replicas
    from kuadrant.operator.push.server import Push
    from kuadrant.settings import OperatorSettings

logger = log.get("kuadrant-operator")

PUSH_SERVICE: Final = "kuadrant-operator-controller-manager-push-service"


def push_address(settings: OperatorSettings) -> Address:
    """Return where gateways are to reach the push server."""
    host = settings.push_host or f"{PUSH_SERVICE}.{settings.namespace}.svc.cluster.local"
    return Address(host, settings.push_port)


class PushReach:
    """Has ``push`` show the certificate of the Secret, and proves that gateways know it by that.

    The proof is made again and again. ``changed`` is called when ``facts`` are others. The leader keeps the
    Secret. Replicas know each other by the same certificate.
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
        self._server = PushTarget(address=push_address(settings), authority="")
        self._word = ""
        self._problem = "its certificate is not made yet"
        self._doubted = asyncio.Event()
        self._keeper = SecretKeeper(
            PushCertificate(settings.namespace, self._server.address.host),
            client,
            leads,
            take=self._take,
            refuse=self._refuse,
        )

    def facts(self) -> PushFacts:
        """Return what decisions are made from."""
        return PushFacts(server=self._server, problem=self._problem)

    def lead(self) -> None:
        """We lead from now on."""
        self._keeper.look()

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keeper.run())
            group.create_task(self._prove())

    def _take(self, shown: Shown) -> None:
        self._push.show(shown.certificate)
        self._replicas.authority = shown.authority
        self._replicas.word = word_of(shown.certificate, REPLICA)
        self._word = word_of(shown.certificate, PROOF)
        # No gateway is told of it before it was seen under our name.
        self._note(
            PushTarget(address=self._server.address, authority=shown.authority),
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
            problem = await prove_reachable(server.address, server.authority, self._word)
            if server is self._server:
                self._note(server, problem)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(UNPROVEN_SECONDS if problem else PROVEN_SECONDS):
                    await self._doubted.wait()

    def _note(self, server: PushTarget, problem: str) -> None:
        if (server, problem) == (self._server, self._problem):
            return
        self._server, self._problem = server, problem
        if problem:
            logger.warning("gateways are not told of the push server", problem=problem)
        self._changed()
