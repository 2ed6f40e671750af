"""Bounds how much a peer may take, in options of gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.xds.snapshot import MESSAGE_LIMIT

if TYPE_CHECKING:
    from kuadrant.xds.peer_bounds import Limits


def options(limits: Limits) -> tuple[tuple[str, int], ...]:
    """Return the options of a server that holds its peers to ``limits``."""
    return (
        # gRPC refuses a message by its announced length, before it has memory for it.
        ("grpc.max_receive_message_length", limits.message),
        ("grpc.max_send_message_length", MESSAGE_LIMIT),
        ("grpc.max_metadata_size", limits.metadata),
        ("grpc.absolute_max_metadata_size", limits.metadata),
        ("grpc.max_concurrent_streams", limits.streams),
        ("grpc.server_handshake_timeout_ms", int(limits.silence * 1000)),
        # Windows do not grow with what a peer sends.
        ("grpc.http2.bdp_probe", 0),
        # A second server on the same port would get half of the streams.
        ("grpc.so_reuseport", 0),
        # A peer that vanished without a word is found out in 40 s.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # Envoys that ask for more than one sign of life in 10 s are not ours: the third in a row ends the
        # connection.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 2),
        # Nor do they keep a connection by which they ask nothing.
        ("grpc.max_connection_idle_ms", 300_000),
    )
