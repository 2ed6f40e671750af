"""The port of the push server: gRPC by itself, or behind a door that only those pass who may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]

from kuadrant.xds.wire import address_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.xds.certificate import Credentials
    from kuadrant.xds.stranger_admission import Door


class AddressError(Exception):
    """The server cannot listen where it was told to."""


class GrpcListener:
    """Listens with gRPC at one address."""

    def __init__(self, host: str, port: int, credentials: Credentials | None, door: Door | None) -> None:
        """Listen at ``host`` and ``port`` once it is started, with TLS if there are credentials."""
        self.door = door
        self._host, self._port = host, port
        self._credentials = credentials
        self._inner = 0
        self._opened = False
        self._grpc: grpc.aio.Server | None = None

    async def start(self, handlers: Iterable[grpc.GenericRpcHandler], options: object) -> int:
        """Listen; return the port, which the system chose where 0 was asked for.

        Raises:
            AddressError: The address is taken or is none of this machine.
        """
        host, port = self._host, self._port
        named = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        server = grpc.aio.server(options=options)
        server.add_generic_rpc_handlers(tuple(handlers))
        try:
            bound = None if self.door is None else self.door.bind(host, port)
            address = named if bound is None else "127.0.0.1:0"
            self._inner = (
                server.add_insecure_port(address)
                if self._credentials is None
                else server.add_secure_port(address, self._credentials.of_server())
            )
        except (RuntimeError, OSError) as error:
            raise AddressError(
                f"cannot listen on {named} for Envoy's configuration stream: "
                "the port is taken or the address is not of this machine"
            ) from error
        await server.start()
        self._grpc = server
        return self._inner if bound is None else bound

    def open(self) -> None:
        """Let those in from now on who may ask; without a door all are in already."""
        if self.door is not None and not self._opened:
            self._opened = True
            self.door.open(self._inner)

    def address_of(self, peer: str) -> str:
        """Return the IP address of who has this name with gRPC; empty if it did not come through the door."""
        address, port = address_of(peer)
        return address if self.door is None else self.door.address_of(port)

    async def stop(self) -> None:
        """End every stream and stop listening."""
        if self.door is not None:
            self.door.close()
        if self._grpc is not None:
            await self._grpc.stop(None)
            self._grpc = None
