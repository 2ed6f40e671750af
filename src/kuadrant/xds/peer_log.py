"""Logs what Envoys do, and who says that it is one. Anybody can cause these lines.

Each has a text that is always the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant import log

if TYPE_CHECKING:
    from kuadrant.xds.discovery_stream import Refusal
    from kuadrant.xds.peer import Denial, Peer
    from kuadrant.xds.peer_bounds import Reason

logger = log.get("xds")


def refused(refusal: Refusal) -> None:
    """Log that an Envoy does not take what it was sent."""
    logger.error(
        "Envoy refused a configuration and keeps the one before",
        node=refusal.node,
        type=refusal.type_url.rpartition("/")[2],
        names=refusal.names,
        text=refusal.text,
    )


def denied(peer: Peer, denial: Denial) -> None:
    """Log that an Envoy is not what it says it is."""
    logger.warning("an Envoy gets nothing", node=peer.node, address=peer.address, reason=denial.reason)


def turned_away(address: str, reason: Reason) -> None:
    """Log that a connection or a stream was closed."""
    logger.warning("who asks to be pushed to is turned away", address=address, reason=reason)


def ended(node: str) -> None:
    """Log that a stream is over."""
    logger.info("Envoy's stream ended", node=node)
