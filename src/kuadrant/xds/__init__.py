"""The push server: what Envoy ought to have goes in, and whether each Envoy took it comes out."""

from kuadrant.xds.certificate import Certificate, Credentials
from kuadrant.xds.discovery_stream import Refusal
from kuadrant.xds.grpc_listener import AddressError
from kuadrant.xds.peer import Admission, Denial, Identity, Peer
from kuadrant.xds.peer_bounds import ON_THIS_MACHINE, Bucket, Limits, Rate, Reason
from kuadrant.xds.server import Connected, Server
from kuadrant.xds.snapshot import CLUSTER, EMPTY, ENDPOINT, EXTENSION, LISTENER, ROUTE, Resource, Snapshot

__all__ = [
    "CLUSTER",
    "EMPTY",
    "ENDPOINT",
    "EXTENSION",
    "LISTENER",
    "ON_THIS_MACHINE",
    "ROUTE",
    "AddressError",
    "Admission",
    "Bucket",
    "Certificate",
    "Connected",
    "Credentials",
    "Denial",
    "Identity",
    "Limits",
    "Peer",
    "Rate",
    "Reason",
    "Refusal",
    "Resource",
    "Server",
    "Snapshot",
]
