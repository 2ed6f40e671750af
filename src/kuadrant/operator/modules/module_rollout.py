"""Decides which module gateways are told of.

Another one takes the place of the former when its address is proven, and not before.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec import UNSET, Struct
from msgspec.structs import replace

from kuadrant.api.caller_token import HEADER
from kuadrant.dialects import Dialect, Service, UnknownDialectError, chosen
from kuadrant.gateways.envoy import RATE_LIMIT_CLUSTER, Address
from kuadrant.gateways.module_address import ModuleAddress, served_module
from kuadrant.gateways.provider import Rendering
from kuadrant.operator.core.known_facts import ModuleFacts
from kuadrant.wasm import module as wasm

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Sequence

    from kuadrant.compiler.program import HostProgram
    from kuadrant.settings import OperatorSettings

SERVICE: Final = "kuadrant-operator-controller-manager-wasm-shim-service"

_UNTRIED: Final = "its address was not tried yet"


class Offer(Struct, frozen=True, kw_only=True, eq=False):
    """A module that gateways can be told of, and how they are configured for it."""

    module: wasm.Module
    address: ModuleAddress
    dialect: Dialect
    rendering: Rendering
    prove: Callable[[str], Rendering] | None

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.module.name} {self.module.version}"


def offer(module: wasm.Module, settings: OperatorSettings) -> Offer:
    """Return what ``settings`` make of a module.

    Raises:
        UnknownDialectError: it reads nothing that is written here.
    """
    dialect = chosen(module.dialects)
    service = Service(
        cluster=RATE_LIMIT_CLUSTER,
        timeout_ms=settings.rate_limit_timeout,
        failure_mode=settings.failure_mode,
        explain_key=settings.explain_key or UNSET,
        decision_records="left" if settings.decision_records else UNSET,
        remember_denials=UNSET if settings.remember_denials else False,
    )

    def proving(shown: str) -> Rendering:
        one = replace(service, metadata={HEADER: shown})
        return _rendering(dialect, one)

    host = settings.wasm_host or f"{SERVICE}.{settings.namespace}.svc.cluster.local"
    return Offer(
        module=module,
        address=served_module(host, settings.wasm_port, module.sha256, settings.wasm_url),
        dialect=dialect,
        rendering=_rendering(dialect, service),
        prove=proving if dialect.proves else None,
    )


class ModuleRollout:
    """Holds the modules of this replica, and decides which of them gateways are told of.

    ``told`` is the one that they are told of now, and ``told_problem`` says why its address has not been
    proven to give its bytes. ``wanted`` is the one that they are to be told of, the first of those that were
    taken last. While the two differ, configuration goes on to be written for ``told``, which gateways have.

    ``prove`` tells what is wrong with an address at this moment. ``named`` gives the digests that the
    gateways' objects name: before anything was proven here, gateways are told what they have been told by the
    operator before this one.
    """

    def __init__(
        self,
        modules: Sequence[wasm.Module],
        make: Callable[[wasm.Module], Offer],
        prove: Callable[[ModuleAddress], Awaitable[str]],
        named: Callable[[], Iterable[str]],
    ) -> None:
        self._make = make
        self._prove = prove
        self._named = named
        self._modules = tuple(modules)
        self._formerly: dict[str, wasm.Module] = {}
        self._proven = False
        self.told = self.wanted = make(modules[0])
        self.told_problem = _UNTRIED
        self._wanted_problem = ""
        self._refusal = ""
        self.distrust = ""
        """Why a module that gateways are to have is not served: nobody who is trusted has signed it."""

    @property
    def held(self) -> tuple[wasm.Module, ...]:
        """The modules that are to be served, the wanted one first.

        What gateways were told of since the start stays: they may ask for it.
        """
        found = {one.sha256: one for one in self._modules}
        for module in (self.told.module, *self._formerly.values()):
            found.setdefault(module.sha256, module)
        return tuple(found.values())

    @property
    def pending(self) -> str:
        """The reason why gateways are told of another module than the one they are to have, if it is known.

        Empty if they are not.
        """
        if self._refusal:
            return f"{self.told.name} stays: {self._refusal}"
        if self._wanted_problem and self.wanted is not self.told:
            return f"{self.told.name} stays, {self.wanted.name} is not served: {self._wanted_problem}"
        return ""

    @property
    def proven(self) -> bool:
        """Tell whether gateways are told of the wanted module, whose address gives its bytes."""
        return self.wanted is self.told and not self.told_problem

    def facts(self) -> ModuleFacts:
        """Return what is known of the module that gateways are told of."""
        return ModuleFacts(
            address=self.told.address,
            name=self.told.name,
            dialect=self.told.dialect,
            rendering=self.told.rendering,
            prove=self.told.prove,
            problem=self.told_problem,
            pending=self.pending,
            distrust=self.distrust,
        )

    def take(self, modules: Sequence[wasm.Module]) -> None:
        """Hold these; the first is wanted from now on.

        Raises:
            UnknownDialectError: it reads nothing that is written here; then nothing has changed.
        """
        first = modules[0]
        if first != self.wanted.module:
            self.wanted = self.told if first == self.told.module else self._make(first)
            self._wanted_problem = ""
        self._modules = tuple(modules)
        self._refusal = ""

    def refuse(self, problem: str) -> None:
        """Take note that there is something that cannot be taken; what was taken before stays."""
        self._refusal = problem

    def tell(self) -> None:
        """Tell of the wanted one."""
        self._formerly[self.told.module.sha256] = self.told.module
        self.told = self.wanted

    async def prove(self) -> None:
        """Try the addresses of both, and tell of the wanted one if its address gives its bytes."""
        told, wanted = self.told, self.wanted
        if told is not wanted:
            self.told_problem, problem = await asyncio.gather(
                self._prove(told.address), self._prove(wanted.address)
            )
        else:
            self.told_problem = problem = await self._prove(told.address)
        self._proven |= not self.told_problem
        if wanted is not self.wanted:
            return  # another one is, which was not tried
        self._wanted_problem = problem
        if told is not wanted and not problem:
            self.tell()
            self.told_problem = ""
        elif told is wanted and problem and not self._proven:
            self._go_on_with_what_gateways_have()

    def _go_on_with_what_gateways_have(self) -> None:
        held = {one.sha256: one for one in self._modules}
        named = Counter(digest for digest in self._named() if digest in held)
        for digest, _ in named.most_common(1):
            if digest != self.wanted.module.sha256:
                try:
                    self.told = self._make(held[digest])
                except UnknownDialectError:
                    return
                self.told_problem = _UNTRIED


def _rendering(dialect: Dialect, service: Service) -> Rendering:
    return Rendering(dialect.configure(service), _by_address(dialect, service) if dialect.targets else None)


def _by_address(dialect: Dialect, service: Service) -> Callable[[tuple[HostProgram, ...], Address], bytes]:
    """Render as for ``service``, which is named by an address instead of a cluster."""

    # One is in use; the one before it may come back.
    @lru_cache(maxsize=2)
    def renderer(address: Address) -> Callable[[Iterable[HostProgram]], bytes]:
        target = f"dns:///{address.host}:{address.port}"
        return dialect.configure(replace(service, cluster=UNSET, google_grpc=target))

    return lambda hosts, address: renderer(address)(hosts)
