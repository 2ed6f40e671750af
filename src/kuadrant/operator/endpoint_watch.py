"""Tells since when some endpoint of a Service is ready, by its EndpointSlices."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING

from kuadrant.kube.kind import Labelled
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store
from kuadrant.operator.core import kinds

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2


class EndpointWatch:
    """Follows EndpointSlices, and calls back when it changes whether an endpoint is ready.

    Args:
        client: asks the API server.
        selector: the labels of the slices to follow.
        changed: is called when readiness changes.
        namespace: the namespace of the slices; empty for all.

    Attributes:
        since: when an endpoint was first seen to be ready, in a row, by the event loop's clock. None if none
            is; -inf if that cannot be told, because there are no such slices or they cannot be read.
    """

    def __init__(
        self, client: httpx2.AsyncClient, selector: str, changed: Callable[[], None], namespace: str = ""
    ) -> None:
        self.since: float | None = -inf
        self._changed = changed
        self._store = Store()
        self._store.add(kinds.ENDPOINT_SLICES)
        self._store.listen(lambda _: self._look())
        self._follower = Follower(
            kinds.ENDPOINT_SLICES, self._store, client, only=Labelled(namespace, selector)
        )

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._follower.run()

    def _look(self) -> None:
        slices = [entry.object for entry in self._store.table(kinds.ENDPOINT_SLICES).entries.values()]
        # Without a word a slice's endpoint is to be taken for ready (discovery.k8s.io/v1).
        is_ready = any(one.conditions.ready is not False for each in slices for one in each.endpoints)
        former = self.since
        if not slices:
            self.since = -inf
        elif not is_ready:
            self.since = None
        elif former is None or former == -inf:
            self.since = asyncio.get_running_loop().time()
        if self.since != former:
            self._changed()
