"""Tells which backends are Services that do not exist, as far as documents have Services at all."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.service import Service
    from kuadrant.compiler.program import Backend


class KnownServices(Struct, frozen=True, gc=False):
    """The ports of Services, by namespace and name; None is one that has any. Without any none is known."""

    ports: Mapping[tuple[str, str], frozenset[int] | None] = MappingProxyType({})

    def lacks(self, backend: Backend) -> str:
        """Return what there is not of a backend; empty where it exists or that is not known."""
        key = (backend.namespace, backend.name)
        name = "/".join(key)
        if not self.ports:
            return ""
        if key not in self.ports:
            return f"there is no Service {name}"
        ports = self.ports[key]
        return "" if ports is None or backend.port in ports else f"Service {name} has no port {backend.port}"


NOTHING_KNOWN: Final = KnownServices()


def known_services(services: Iterable[Service]) -> KnownServices:
    """Return what is known by ``services``."""
    return KnownServices(
        {
            (one.metadata.namespace, one.metadata.name): (
                None if one.spec.type == "ExternalName" else frozenset(port.port for port in one.spec.ports)
            )
            for one in services
        }
    )
