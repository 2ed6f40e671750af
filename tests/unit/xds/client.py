"""A client that speaks the protocol by hand, and what it may be given."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc  # type: ignore[import-untyped]

from kuadrant.envoy_api import message
from kuadrant.xds import (
    EXTENSION,
    Snapshot,
)
from kuadrant.xds.snapshot import resource
from tests.unit.xds.via import Via

AGGREGATED = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"


EXTENSIONS = "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/StreamExtensionConfigs"


def _serialized(request: Any) -> bytes:
    text: bytes = request if isinstance(request, bytes) else request.SerializeToString()
    return text


class Client:
    """An Envoy; it speaks TLS if it is told the authority by which it is to know the server, in PEM."""

    def __init__(
        self,
        port: int,
        method: str = AGGREGATED,
        node: str = "node",
        authority: str = "",
        *,
        address: str = "127.0.0.1",
        token: str = "",
    ) -> None:
        self._node = node
        # A name that only one channel has keeps gRPC from letting channels share a connection.
        options = [("grpc.use_local_subchannel_pool", 1)]
        target = f"127.0.0.1:{port}"
        self._via = None if address == "127.0.0.1" else Via(address, port)
        if self._via is not None:
            target = self._via.target
        self._channel = (
            grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(authority.encode()), options)
            if authority
            else grpc.aio.insecure_channel(target, options)
        )
        self.call = self._channel.stream_stream(
            method,
            request_serializer=_serialized,
            response_deserializer=message("envoy.service.discovery.v3.DiscoveryResponse").FromString,
        )(metadata=[("authorization", f"Bearer {token}")] if token else None)

    async def ask(self, type_url: str, *names: str, nonce: str = "", error: str | None = None) -> None:
        request = message("envoy.service.discovery.v3.DiscoveryRequest")(
            type_url=type_url, resource_names=names, response_nonce=nonce, node={"id": self._node}
        )
        if error is not None:
            request.error_detail.message = error
        await self.call.write(request)

    async def read(self) -> Any:
        return await asyncio.wait_for(self.call.read(), 10)

    async def close(self) -> None:
        self.call.cancel()
        await self._channel.close()
        if self._via is not None:
            await self._via.close()


def filters(text: str) -> Snapshot:
    return Snapshot(
        {EXTENSION: {"f": resource("f", message("google.protobuf.Any")(type_url=text).SerializeToString())}}
    )
