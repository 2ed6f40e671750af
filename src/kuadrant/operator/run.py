"""`kuadrant operator`: the parts, wired for a cluster."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import signal
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

from kuadrant import log
from kuadrant.dialects.kuadrant import Service, render
from kuadrant.gateways.envoy import RATE_LIMIT_CLUSTER
from kuadrant.gateways.module import served_module
from kuadrant.kube.apply import Applier, Conflict, Desired, Refused, Written
from kuadrant.kube.client import ConfigurationError, find_access
from kuadrant.kube.follow import Follower
from kuadrant.kube.lease import Leadership
from kuadrant.kube.queue import Workers
from kuadrant.kube.store import Store
from kuadrant.operations import OperationsServer
from kuadrant.operator import kinds
from kuadrant.operator.decision import (
    KINDS,
    Decision,
    Known,
    decide,
    documents,
    kuadrant_status_content,
    oldest,
    policy_statuses,
    status_content,
    unreadable_status,
)
from kuadrant.operator.proof import prove
from kuadrant.operator.world import World, world
from kuadrant.wasm.catalogue import CatalogueError, current, embedded
from kuadrant.wasm.server import serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from kuadrant.api.limitador import Identity
    from kuadrant.api.rate_limit_policy import RateLimitPolicy
    from kuadrant.kube.apply import Outcome
    from kuadrant.kube.kind import Kind
    from kuadrant.settings import OperatorSettings

logger = log.get("kuadrant-operator")

LEASE = "f139389e.kuadrant.io"
SERVICE = "kuadrant-operator-controller-manager-wasm-shim-service"

_EVERYTHING = "cluster"
_LIMITS_STAY_SECONDS = 30.0
_PROVEN_SECONDS = 30.0
_UNPROVEN_SECONDS = 1.0


class LeadershipLostError(Exception):
    """Another replica may write now."""


class NotDoneError(Exception):
    """Something could not be written; it is tried again."""


async def run(settings: OperatorSettings) -> int:
    """Serve modules and keep the cluster as its policies say, until SIGTERM or SIGINT; return the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        module = current()
        access = find_access()
        client = access.connect()
    except (CatalogueError, ConfigurationError) as error:
        logger.error("cannot start", problem=str(error))  # noqa: TRY400 - its place says nothing
        return 1
    logger.info("wasm-shim", sha256=module.sha256)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(client.aclose)
        operator = Operator(settings, client, module.sha256)
        try:
            if settings.wasm_port:
                await stack.enter_async_context(serve(embedded(), "", settings.wasm_port, grace=2.0))
            if settings.probes_port:
                checks = {"/healthz": lambda: None, "/readyz": operator.check_ready}
                probes = OperationsServer({}, "", settings.probes_port, checks)
                await probes.start()
                stack.push_async_callback(probes.stop)
        except OSError as error:
            logger.error("a port cannot be had", problem=str(error))  # noqa: TRY400 - its place says nothing
            return 1
        logger.info("following", server=access.server, source=access.source, namespace=settings.namespace)
        running = asyncio.create_task(operator.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        ended = not stop.is_set()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            try:
                await running
            except* LeadershipLostError:
                logger.error("leadership is lost; ending, to begin anew")  # noqa: TRY400 - no defect
        return 1 if ended else 0


class Operator:
    """Follows the cluster, decides, and writes while it leads."""

    def __init__(self, settings: OperatorSettings, client: httpx2.AsyncClient, sha256: str) -> None:
        self._settings = settings
        self._module = served_module(
            settings.wasm_host or f"{SERVICE}.{settings.namespace}.svc.cluster.local",
            settings.wasm_port,
            sha256,
            settings.wasm_url,
        )
        self._client = client
        self._store = Store()
        for kind in kinds.ALL:
            self._store.add(kind)
        self._store.listen(lambda _: self._workers.add(_EVERYTHING))
        self._applier = Applier(client)
        holder = f"{socket.gethostname()}_{os.urandom(4).hex()}"
        self._leadership = Leadership((settings.namespace, LEASE), holder, client)
        self._workers: Workers[str] = Workers(self._reconcile)
        self._module_problem = "its address was not tried yet"
        self._readable: Mapping[tuple[str, str], RateLimitPolicy] = {}
        self._unwanted_since: dict[Identity, float] = {}
        self._said: dict[str, str] = {}

    def check_ready(self) -> str | None:
        """What keeps this replica from doing its work; modules are served from the start."""
        return None if self._store.synced else "not everything is known yet"

    async def run(self) -> None:
        """Run until cancelled, or until leadership was lost."""
        async with asyncio.TaskGroup() as group:
            for kind in kinds.ALL:
                group.create_task(Follower(kind, self._store, self._client).run())
            group.create_task(self._leadership.run())
            group.create_task(self._prove())
            group.create_task(self._lead())

    async def _lead(self) -> None:
        await self._leadership.acquired()
        logger.info("leading", lease=LEASE)
        self._workers.add(_EVERYTHING)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._workers.run())
            await self._leadership.lost()
            raise LeadershipLostError

    async def _prove(self) -> None:
        """Find out again and again whether the module's address gives its bytes."""
        while True:
            problem = await prove(self._module)
            if problem != self._module_problem:
                self._module_problem = problem
                if problem:
                    logger.warning("the module is not served", problem=problem)
                else:
                    logger.info("the module is served", url=self._module.url)
                self._workers.add(_EVERYTHING)
            await asyncio.sleep(_UNPROVEN_SECONDS if problem else _PROVEN_SECONDS)

    async def _reconcile(self, _: str) -> None:
        if not self._store.synced:
            return
        now = asyncio.get_running_loop().time()
        seen = world(self._store, self._readable)
        self._readable = seen.policies
        known = Known(
            module=self._module,
            module_problem=self._module_problem,
            configure=partial(
                render,
                service=Service(
                    cluster=RATE_LIMIT_CLUSTER,
                    timeout_ms=self._settings.rate_limit_timeout,
                    failure_mode=self._settings.failure_mode,
                ),
            ),
            forgotten=frozenset(
                one for one, since in self._unwanted_since.items() if now - since >= _LIMITS_STAY_SECONDS
            ),
        )
        decision = await asyncio.to_thread(decide, seen, known)
        failures = await self._write(decision)
        await self._write_statuses(seen, decision, known, failures)
        self._note_unwanted(decision, now)
        if failures:
            raise NotDoneError("; ".join(dict.fromkeys(failures.values())))

    async def _write(self, decision: Decision) -> dict[str, str]:
        """Apply and delete; return what could not be done, by gateway (empty for what concerns all)."""
        failures: dict[str, str] = {}
        if decision.limitador is not None:
            metadata = decision.limitador["metadata"]
            key = (metadata["namespace"], metadata["name"])
            if problem := await self._apply(kinds.LIMITADORS, key, decision.limitador):
                failures[""] = problem
        for gateway, wanted in documents(decision):
            key = (wanted["metadata"]["namespace"], wanted["metadata"]["name"])
            if problem := await self._apply(KINDS[wanted["kind"]], key, wanted):
                failures[gateway] = problem
        for document in decision.obsolete:
            kind = KINDS[document["kind"]]
            entry = self._store.table(kind).entries.get(
                (document["metadata"]["namespace"], document["metadata"]["name"])
            )
            if entry is not None and self._leadership.leads:
                outcome = await self._applier.delete(kind, entry)
                if problem := self._judge("delete", kind, entry.key, outcome):
                    failures[f"{entry.key[0]}/{entry.key[1]}"] = problem
        return failures

    async def _write_statuses(
        self, seen: World, decision: Decision, known: Known, failures: Mapping[str, str]
    ) -> None:
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for status in policy_statuses(decision, known, failures):
            stored = seen.stored_policies[status.namespace, status.name]
            content = status_content(stored.status, status, generation=stored.metadata.generation, now=now)
            await self._apply(kinds.POLICIES, (status.namespace, status.name), content, "status")
        for key, problem in seen.unreadable.items():
            if key in seen.stored_policies and key not in seen.policies:
                stored = seen.stored_policies[key]
                content = status_content(
                    stored.status,
                    unreadable_status(key, problem),
                    generation=stored.metadata.generation,
                    now=now,
                )
                await self._apply(kinds.POLICIES, key, content, "status")
        kuadrant = oldest(seen.objects.kuadrants)
        if kuadrant is not None:
            content = kuadrant_status_content(kuadrant, decision, seen, "; ".join(failures.values()), now)
            key = (kuadrant.metadata.namespace, kuadrant.metadata.name)
            await self._apply(kinds.KUADRANTS, key, content, "status")

    def _note_unwanted(self, decision: Decision, now: float) -> None:
        """Remember since when limits are only kept, and come back when the first of them may go."""
        wanted = {limit.identity for limit in decision.compilation.limits}
        kept = {limit.identity for limit in decision.limits} - wanted
        self._unwanted_since = {one: self._unwanted_since.get(one, now) for one in kept}
        if self._unwanted_since:
            due = min(self._unwanted_since.values()) + _LIMITS_STAY_SECONDS
            self._workers.add_after(_EVERYTHING, max(0.0, due - now))

    async def _apply(
        self, kind: Kind[Any], key: tuple[str, str], content: dict[str, Any], subresource: str = ""
    ) -> str:
        """Make it so; return why it is not."""
        if not self._leadership.leads:
            return "another replica leads"
        desired = Desired(kind, key, kinds.MANAGER, content, subresource, force=True)
        return self._judge("apply", kind, key, await self._applier.apply(desired, self._store.table(kind)))

    def _judge(self, verb: str, kind: Kind[Any], key: tuple[str, str], outcome: Outcome) -> str:
        name = f"{kind.name} {key[0]}/{key[1]}"
        if isinstance(outcome, Written):
            logger.info(verb, object=name, resource_version=outcome.resource_version)
        if not isinstance(outcome, Conflict | Refused):
            self._said.pop(name, None)
            return ""
        problem = f"{name}: {outcome.message}"
        if self._said.get(name) != problem:
            self._said[name] = problem
            logger.error("refused", verb=verb, object=name, problem=outcome.message)
        return problem
