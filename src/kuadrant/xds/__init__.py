"""The push server: what Envoy ought to have goes in, and whether each Envoy took it comes out."""

from kuadrant.xds.certificate import Certificate, Credentials
from kuadrant.xds.peer import Admission, Denial, Identity, Peer
from kuadrant.xds.server import AddressError, Connected, Server, ip_of
from kuadrant.xds.snapshot import CLUSTER, EMPTY, ENDPOINT, EXTENSION, LISTENER, ROUTE, Resource, Snapshot
from kuadrant.xds.stream import Refusal, StreamStatus, Taken, TypeStatus

__all__ = [
    "CLUSTER",
    "EMPTY",
    "ENDPOINT",
    "EXTENSION",
    "LISTENER",
    "ROUTE",
    "AddressError",
    "Admission",
    "Certificate",
    "Connected",
    "Credentials",
    "Denial",
    "Identity",
    "Peer",
    "Refusal",
    "Resource",
    "Server",
    "Snapshot",
    "StreamStatus",
    "Taken",
    "TypeStatus",
    "ip_of",
]
