"""Puts the push server, its reach and the other replicas together.

They are there all at once, or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.gateways.envoy import Address
from kuadrant.operator.push.decision_delivery import Delivery
from kuadrant.operator.push.reach import PushReach, push_address
from kuadrant.operator.push.replicas import Neighbours, Replicas

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    import httpx2

    from kuadrant.kube.store import Store
    from kuadrant.operator.fact_store import FactStore
    from kuadrant.operator.push.server import Push
    from kuadrant.settings import OperatorSettings
    from kuadrant.wasm.module import Module


class Pushing:
    """Serves gateways that ask, and knows what their pods have said to any replica.

    Args:
        settings: where the push server is.
        push: the push server.
        client: asks the API server.
        store: the objects of the cluster, of which pods are the other replicas.
        facts: where it is known under which name gateways reach the push server.
        leads: whether this replica writes.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        push: Push,
        client: httpx2.AsyncClient,
        store: Store,
        *,
        facts: FactStore,
        leads: Callable[[], bool],
    ) -> None:
        self._port = settings.push_port
        self._push = push
        self._facts = facts
        self._leads = leads
        self._replicas = Replicas(facts.look, push_address(settings).host)
        self.delivery = Delivery(push, self._replicas.heard)
        """Takes decisions to pods."""
        self._reach = PushReach(settings, push, self._replicas, client, leads=leads, changed=self._note)
        self._neighbours = Neighbours(store, settings.namespace, self._follow_replicas)
        self._note()

    def lead(self) -> None:
        """Keep the certificate, and ask the other replicas, from now on."""
        self._reach.lead()
        self._follow_replicas()

    def add(self, module: Module) -> None:
        """Add a module, before decisions are for it."""
        self._push.add(module)

    def parts(self) -> Iterator[tuple[str, Coroutine[Any, Any, object]]]:
        """Yield what has to run, with its names."""
        yield "the reach of the push server", self._reach.run()
        yield "what pods say", self._listen()

    def _note(self) -> None:
        self._facts.change(push=self._reach.facts())

    def _follow_replicas(self) -> None:
        """Tell the other replicas what pods say, and ask them while we lead."""
        addresses = self._neighbours.addresses
        self._push.know(addresses)
        if self._leads():
            self._replicas.follow(str(Address(address, self._port)) for address in addresses)

    async def _listen(self) -> None:
        """Look again whenever a pod says something."""
        while True:
            await self._push.changed()
            self._facts.look()
