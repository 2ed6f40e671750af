"""Tells when gateways may be told to ask the rate limit service for the first time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kuadrant.gateways.limitador import NAME as LIMITADOR
from kuadrant.operator.core.times import REACH_SECONDS
from kuadrant.operator.endpoint_watch import EndpointWatch

if TYPE_CHECKING:
    import httpx2

    from kuadrant.operator.fact_store import FactStore

RATE_LIMIT_SERVICE = f"limitador-{LIMITADOR}"
"""The Service of the Limitador resource that the operator writes."""


class RateLimitWatch:
    """Waits until the rate limit service has been ready for so long that everybody knows its endpoints.

    Args:
        client: asks the API server.
        facts: where it is known that the service can be asked.
    """

    def __init__(self, client: httpx2.AsyncClient, facts: FactStore) -> None:
        self._facts = facts
        self._watch = EndpointWatch(client, f"kubernetes.io/service-name={RATE_LIMIT_SERVICE}", self._note)

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._watch.run()

    def _note(self) -> None:
        since, loop = self._watch.since, asyncio.get_running_loop()
        left = 0.0 if since is None else max(0.0, since + REACH_SECONDS - loop.time())
        if left:
            loop.call_later(left, self._note)
        self._facts.change(can_be_asked=since is not None and not left)
