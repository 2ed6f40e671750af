"""Socket addresses in Envoy's JSON form."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Address(Struct, frozen=True, gc=False, order=True):
    """An IP address, or a host name for clusters that look it up, and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return ``host:port``, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def socket_address(address: Address, *, protocol: str | None = None) -> dict[str, Any]:
    """Return the ``envoy.config.core.v3.Address``, of TCP by default."""
    of = {} if protocol is None else {"protocol": protocol}
    return {"socket_address": {**of, "address": address.host, "port_value": address.port}}
