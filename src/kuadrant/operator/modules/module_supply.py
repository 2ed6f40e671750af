"""Keeps gateways on a proven module, and follows the folder that other modules come from."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from kuadrant import log
from kuadrant.dialects import UnknownDialectError
from kuadrant.gateways.module_address import served_module
from kuadrant.gateways.providers import PROVIDERS
from kuadrant.kube.kind import Labelled
from kuadrant.kube.reflector_http import Follower
from kuadrant.kube.store import Store
from kuadrant.operator.core import kinds
from kuadrant.operator.core.times import FIRST_UNPROVEN_SECONDS, PROVEN_SECONDS, UNPROVEN_SECONDS
from kuadrant.operator.modules.address_proof import endpoints, prove
from kuadrant.operator.modules.module_rollout import SERVICE, ModuleRollout, offer
from kuadrant.tasks import PartEndedError
from kuadrant.wasm.catalogue import CatalogueError
from kuadrant.wasm.folder_changes import changes
from kuadrant.wasm.trust import served

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence
    from pathlib import Path

    import httpx2

    from kuadrant.gateways.envoy import Address
    from kuadrant.gateways.module_address import ModuleAddress
    from kuadrant.operator.core.known_facts import ModuleFacts
    from kuadrant.settings import OperatorSettings
    from kuadrant.wasm.folder_changes import State
    from kuadrant.wasm.module import Module
    from kuadrant.wasm.trust import TrustedModules

logger = log.get("kuadrant-operator")
shim = log.get("wasm-shim")


class ModuleSupply:
    """Keeps gateways on a module whose address gives its bytes.

    Args:
        settings: where modules come from and are served.
        client: follows the endpoints of our own Service.
        store: the objects of the cluster, of which those of gateways name modules.
        found: the modules that are served at the beginning, the one in use first, and which other was to be.
        since: the state of their folder when they were read; None without a folder.
        hold: is called with the modules that are to be served from then on.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        client: httpx2.AsyncClient,
        store: Store,
        found: TrustedModules,
        *,
        since: State | None,
        hold: Callable[[tuple[Module, ...]], None],
    ) -> None:
        self._settings = settings
        self._store = store
        self._since = since
        self._hold = hold
        self._changed: Callable[[ModuleFacts], None] = lambda _: None
        self._doubted = asyncio.Event()
        # Apart from what decides: it says only when to prove anew, and of whom.
        self._behind = Store()
        self._behind.add(kinds.ENDPOINT_SLICES)
        self._behind.listen(lambda _: self._doubted.set())
        slices = Labelled(settings.namespace, f"kubernetes.io/service-name={SERVICE}")
        self._follower = Follower(kinds.ENDPOINT_SLICES, self._behind, client, only=slices)
        self._rollout = ModuleRollout(
            found.named, lambda module: offer(module, settings), self._prove_served, self._named
        )
        self.own_problem: str | None = None
        """The reason why this replica does not give the wanted module's bytes; None if it does."""
        self._rollout.distrust = found.distrust
        self._serves = bool(found.modules)
        if not self._serves:
            self.own_problem = self._rollout.told_problem = found.distrust
        elif settings.wasm_port:
            self.own_problem = "the module was not asked for yet"
        else:
            self._rollout.told_problem = "the module server is off"

    @property
    def told(self) -> Module:
        """The module that gateways are told of."""
        return self._rollout.told.module

    def facts(self) -> ModuleFacts:
        """Return what is known of that module."""
        return self._rollout.facts()

    def listen(self, changed: Callable[[ModuleFacts], None]) -> None:
        """Call `changed` from now on with what is known of the module, whenever that may be different."""
        self._changed = changed

    def parts(self) -> Iterator[tuple[str, Coroutine[Any, Any, object]]]:
        """Yield what has to run, with its names."""
        yield "following our Service", self._follower.run()
        if self._settings.wasm_port and self._serves:
            yield "the proof of the module's address", self._prove()
            yield "the proof of our own module", self._prove_own(self._settings.wasm_port)
        folders = [one for one in (self._settings.modules, self._settings.trusted_keys) if one is not None]
        if folders:
            yield "following the modules", self._follow_folders(folders)

    async def prove_now(self, module: ModuleAddress) -> str:
        """Return what is wrong with an address at this moment; if anything is, it counts for all gateways."""
        problem = await self._prove_served(module)
        if problem:
            self._doubted.set()
        return problem

    async def _follow_folders(self, folders: Sequence[Path]) -> None:
        """Take what is in the folders of modules and of keys whenever it has changed.

        What is not what its lock file says, or not signed, leaves all as it is.

        Raises:
            PartEndedError: nothing was served, and something can be from now on.
        """
        async for _ in changes(*folders, since=self._since):
            try:
                found = await asyncio.to_thread(served, self._settings.modules, self._settings.trusted_keys)
                self._rollout.distrust = found.distrust
                if found.distrust:
                    logger.warning("a module is not trusted", problem=found.distrust)
                if found.modules and not self._serves:
                    raise PartEndedError("there is a module that is trusted now")
                if not found.distrust:
                    self._rollout.take(found.modules)
            except (CatalogueError, UnknownDialectError, OSError) as error:
                logger.error("the modules are not taken, those before stay", problem=str(error))  # noqa: TRY400 - it is about the folder
                self._rollout.refuse(str(error))
            else:
                if not found.distrust:
                    shim.info("wasm-shim", sha256=self._rollout.wanted.module.sha256)
                self._hold(self._rollout.held)
                if not self._settings.wasm_port:
                    self._rollout.tell()
            self._changed(self.facts())
            self._doubted.set()

    def _named(self) -> Iterator[str]:
        """Yield the digests of the modules that gateways have been told of, as far as it is known."""
        for provider in PROVIDERS:
            for kind in provider.KINDS:
                for entry in self._store.table(kinds.OF_PROVIDERS[kind.name]).entries.values():
                    if provider.owner(entry.object) is not None:
                        yield provider.module_of(entry.object)

    async def _prove_own(self, port: int) -> None:
        """Find out again and again whether this replica gives the wanted module's bytes."""
        while True:
            own = served_module("127.0.0.1", port, self._rollout.wanted.module.sha256)
            self.own_problem = await prove(own) or None
            await asyncio.sleep(UNPROVEN_SECONDS if self.own_problem else PROVEN_SECONDS)

    async def _prove(self) -> None:
        """Find out again and again whether addresses give their bytes.

        At once when endpoints or modules change.
        """
        pause = FIRST_UNPROVEN_SECONDS
        while True:
            self._doubted.clear()
            await self._rollout.prove()
            self._changed(self.facts())
            if not self._rollout.proven:
                await asyncio.sleep(pause)
                pause = min(2 * pause, UNPROVEN_SECONDS)
                continue
            pause = FIRST_UNPROVEN_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROVEN_SECONDS):
                    await self._doubted.wait()

    async def _prove_served(self, module: ModuleAddress) -> str:
        by_name = self._settings.wasm_proof == "service"
        return await prove(module, self._endpoints(), by_name=by_name)

    def _endpoints(self) -> tuple[Address, ...]:
        """Return the replicas behind the Service, where gateways are sent to it.

        Another name may lead out of the cluster.
        """
        if self._settings.wasm_host:
            return ()
        slices = self._behind.table(kinds.ENDPOINT_SLICES).entries.values()
        return endpoints(entry.object for entry in slices)
