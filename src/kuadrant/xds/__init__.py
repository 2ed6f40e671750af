"""The push server: what Envoy ought to have goes in, and whether each Envoy took it comes out."""

from kuadrant.xds.server import AddressError, Server
from kuadrant.xds.snapshot import CLUSTER, EMPTY, ENDPOINT, EXTENSION, LISTENER, ROUTE, Resource, Snapshot
from kuadrant.xds.stream import Refusal, StreamStatus, TypeStatus

__all__ = [
    "CLUSTER",
    "EMPTY",
    "ENDPOINT",
    "EXTENSION",
    "LISTENER",
    "ROUTE",
    "AddressError",
    "Refusal",
    "Resource",
    "Server",
    "Snapshot",
    "StreamStatus",
    "TypeStatus",
]
