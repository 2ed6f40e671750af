"""Asks the rate limit services of a cluster for its console, through the API server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from msgspec import structs

from kuadrant.console import SourceError
from kuadrant.kube.client import RequestError
from kuadrant.operator_client.calls import cluster_calls
from kuadrant.operator_client.counters import cluster_counters
from kuadrant.operator_client.decisions import FollowedPods

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from kuadrant.api.counter_page import CounterPage
    from kuadrant.api.decision_page import DecisionPage, DecisionQuestion
    from kuadrant.api.limit_calls import CallTotals

_NOBODY: Final = "the rate limit service"
_FORGOTTEN_SECONDS: Final = 10.0


class ClusterSources:
    """The sources of a console of a cluster (``kuadrant.console.Sources``).

    Args:
        client: asks the API server.
        namespace: where the rate limit service runs.
    """

    def __init__(self, client: httpx2.AsyncClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._pods = FollowedPods(client, namespace)
        self._asked_at = 0.0

    async def counters(self, policy: str, most: int) -> Mapping[str, CounterPage | str]:
        """Return where counters stand, values masked."""
        try:
            found = (await cluster_counters(self._client, self._namespace, policy, most)).pods
        except RequestError as error:
            return {_NOBODY: str(error)}
        return found or {_NOBODY: f"none of ours runs in {self._namespace}"}

    async def totals(self) -> CallTotals:
        """Return the calls so far.

        Raises:
            SourceError: Nobody can be asked.
        """
        try:
            return await cluster_calls(self._client, self._namespace)
        except RequestError as error:
            raise SourceError(str(error)) from error

    async def decisions(self, asked: DecisionQuestion) -> Mapping[str, DecisionPage | str]:
        """Return what each pod has heard since it was asked last."""
        now = time.monotonic()
        if now - self._asked_at > _FORGOTTEN_SECONDS:
            self._pods = FollowedPods(self._client, self._namespace)
        self._asked_at = now
        try:
            found = await self._pods.ask(structs.replace(asked, values=False))
        except RequestError as error:
            return {_NOBODY: str(error)}
        return found or {_NOBODY: f"none of ours runs in {self._namespace}"}
