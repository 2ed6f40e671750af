"""Tells since when the control planes of providers run."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from kuadrant.gateways.providers import PROVIDERS
from kuadrant.operator.endpoint_watch import EndpointWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any

    import httpx2

    from kuadrant.gateways.provider import Provider


class ControlPlanes:
    """Follows the EndpointSlices of every provider's control plane.

    Args:
        client: asks the API server.
        changed: is called when a control plane comes or goes.
    """

    def __init__(self, client: httpx2.AsyncClient, changed: Callable[[], None]) -> None:
        self._watches = {
            one.CONTROL_PLANE: EndpointWatch(client, one.CONTROL_PLANE, changed)
            for one in PROVIDERS
            if one.CONTROL_PLANE
        }

    def parts(self) -> Iterator[tuple[str, Coroutine[Any, Any, object]]]:
        """Yield what has to run, with its names."""
        for selector, watch in self._watches.items():
            yield f"following control planes ({selector})", watch.run()

    def works_since(self, provider: Provider) -> float | None:
        """Return since when the control plane of a provider runs.

        It is None if it does not, and -inf where that cannot be told or does not matter.
        """
        watch = self._watches.get(provider.CONTROL_PLANE)
        return -inf if watch is None else watch.since
