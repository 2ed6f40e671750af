"""Follows the cluster and decides: the parts of the operator, wired."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any

from kuadrant import log
from kuadrant.kube.events import Recorder
from kuadrant.kube.lease import Timing
from kuadrant.kube.lease_http import Leadership
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store
from kuadrant.operator.control_planes import ControlPlanes
from kuadrant.operator.core import kinds
from kuadrant.operator.core.known_facts import Known
from kuadrant.operator.fact_store import FactStore
from kuadrant.operator.field_watch import watch_fields
from kuadrant.operator.modules.module_supply import ModuleSupply
from kuadrant.operator.push.push_parts import Pushing
from kuadrant.operator.rate_limit_readiness import RateLimitWatch
from kuadrant.operator.reconcile.reconciler import Reconciler
from kuadrant.operator.secrets.caller_key_watch import CallerKeyWatch
from kuadrant.operator.service_pod_keeper import ServicePodKeeper
from kuadrant.tasks import PartEndedError, lasting

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    import httpx2

    from kuadrant.operator.core.known_facts import ModuleFacts
    from kuadrant.operator.metrics import Metrics
    from kuadrant.operator.push.server import Push
    from kuadrant.settings import OperatorSettings
    from kuadrant.status import Report
    from kuadrant.wasm.folder_changes import State
    from kuadrant.wasm.module import Module
    from kuadrant.wasm.trust import TrustedModules

logger = log.get("kuadrant-operator")

CONTROLLER = "kuadrant.io/kuadrant-operator"
"""Who tells of Events."""
LEASE = "f139389e.kuadrant.io"


class LeadershipLostError(PartEndedError):
    """Another replica may write now."""


class Operator:
    """Serves what was decided by every replica, and writes it by the one that leads.

    Args:
        settings: how the operator is set up.
        client: asks the API server.
        found: the modules that are served at the beginning, the one in use first, and which other was to be.
        hold: is called with the modules that are to be served from then on.
        since: the state of their folder when they were read; None without a folder.
        push: the push server; None if it is off.
        metrics: counts what is done.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        client: httpx2.AsyncClient,
        found: TrustedModules,
        *,
        hold: Callable[[tuple[Module, ...]], None],
        since: State | None,
        push: Push | None,
        metrics: Metrics,
    ) -> None:
        self._namespace = settings.namespace
        self._client = client
        self._store = store = Store()
        for kind in kinds.ALL:
            store.add(kind)
        holder = f"{socket.gethostname()}_{os.urandom(4).hex()}"
        self._leadership = leadership = _leadership(settings, client, holder, metrics)
        self._supply = ModuleSupply(settings, client, store, found, since=since, hold=hold)
        self._facts = facts = FactStore(_known(settings, self._supply.facts()))
        self._supply.listen(self._note_module)
        leads = lambda: leadership.leads  # noqa: E731 - it is asked again and again
        self._pushing = (
            None if push is None else Pushing(settings, push, client, store, facts=facts, leads=leads)
        )
        self._control_planes = ControlPlanes(client, facts.look)
        self._rate_limit = RateLimitWatch(client, facts)
        self._reconciler = Reconciler(
            store,
            client,
            Recorder(CONTROLLER, holder, client),
            metrics,
            known=lambda: facts.value,
            leads=leads,
            prove=self._supply.prove_now,
            works_since=self._control_planes.works_since,
            deliveries=None if self._pushing is None else self._pushing.delivery,
            budgets=settings.budgets,
        )
        facts.listen(self._reconciler.look)
        self._service_pods = ServicePodKeeper(settings.namespace, client, store, facts, leads)
        are_spread = self._reconciler.callers.are_spread
        self._keys = CallerKeyWatch(settings.namespace, client, facts, leads, are_spread)
        self._reconciler.when_spread(self._keys.look)

    def report(self) -> Report:
        """Return what this replica knows of gateways and policies."""
        return self._reconciler.report()

    def pod_uid(self) -> str:
        """Return the UID of our own pod, as far as it is known; nothing outside a cluster."""
        entry = self._store.table(kinds.PODS).entries.get((self._namespace, socket.gethostname()))
        return "" if entry is None else entry.uid

    def check_ready(self) -> str | None:
        """Return what keeps this replica from doing its work, None if nothing does.

        It serves the module, and knows the cluster.
        """
        if self._supply.own_problem:
            return self._supply.own_problem
        return None if self._store.synced else "not everything is known yet"

    async def run(self) -> None:
        """Run until cancelled, or until leadership was lost."""
        async with asyncio.TaskGroup() as group:
            for name, part in self._parts():
                group.create_task(lasting(name, part), name=name)

    def _parts(self) -> Iterator[tuple[str, Coroutine[Any, Any, object]]]:
        """Yield all that goes on as long as the operator does."""
        for kind in kinds.ALL:
            yield f"following {kind.name}", Follower(kind, self._store, self._client).run()
        yield "following the rate limit service", self._rate_limit.run()
        yield from self._control_planes.parts()
        yield "the Lease", self._leadership.run()
        yield from self._supply.parts()
        yield from self._keys.parts()
        yield "what is done in the cluster", self._reconciler.run()
        yield "the pods of the rate limit service", self._service_pods.run()
        yield "the look at the fields of kinds", watch_fields(self._client, self._facts)
        yield "leading", self._lead()
        if self._pushing is not None:
            yield from self._pushing.parts()

    async def _lead(self) -> None:
        await self._leadership.acquired()
        logger.info("leading", lease=LEASE)
        self._reconciler.lead()
        self._keys.look()
        self._service_pods.look()
        if self._pushing is not None:
            self._pushing.lead()
        await self._leadership.lost()
        raise LeadershipLostError

    def _note_module(self, known: ModuleFacts) -> None:
        """Decide anew if something else is known of the module."""
        former = self._facts.value.module
        if known == former:
            return
        if self._pushing is not None:
            self._pushing.add(self._supply.told)
        if known.pending and known.pending != former.pending:
            logger.warning("another module does not take over yet", problem=known.pending)
        if (known.address, known.problem) != (former.address, former.problem):
            if known.problem:
                logger.warning("the module is not served", problem=known.problem)
            else:
                logger.info("the module is served", url=known.address.url)
        self._facts.change(module=known)


def _leadership(
    settings: OperatorSettings, client: httpx2.AsyncClient, holder: str, metrics: Metrics
) -> Leadership:
    leadership = Leadership((settings.namespace, LEASE), holder, client, Timing.of(settings.lease_seconds))
    metrics.watch_leadership(LEASE, lambda: leadership.leads)
    return leadership


def _known(settings: OperatorSettings, module: ModuleFacts) -> Known:
    """Return what is known at the beginning."""
    return Known(
        module=module,
        delivery=settings.wasm_delivery,
        envoy_gateway_namespace=settings.envoy_gateway_namespace,
        namespace=settings.namespace,
        failure_mode=settings.failure_mode,
        keys=None,
        refuses=settings.ratelimit_callers == "gateways",
        mark=None,
    )
