"""The peer at the other end of a stream, and whether it gets anything."""

from __future__ import annotations

from msgspec import Struct


class Identity(Struct, frozen=True, gc=False):
    """The identity that is proven by the token that an Envoy has shown.

    It is of ``pod``, in words that are known to be true, or of none for this reason.
    """

    pod: str = ""
    problem: str = "it shows none"


class Peer(Struct, frozen=True):
    """An Envoy: the address that its connection comes from, its node, and what it has proven.

    The node is in its own words.
    """

    address: str
    node: str
    cluster: str = ""
    identity: Identity = Identity()


class Admission(Struct, frozen=True, gc=False):
    """The Envoy is ``client``, in words that are known to be true, and gets what ``group`` ought to have."""

    client: str
    group: str | None


class Denial(Struct, frozen=True, gc=False):
    """The Envoy gets nothing, for this reason."""

    reason: str

    @property
    def group(self) -> None:
        """It has none."""
        return None


async def nobody(token: str, address: str) -> Identity:  # noqa: ARG001 - it is one way to identify
    """Believe no token."""
    return Identity(problem="no token is believed here")


def everyone(peer: Peer) -> Admission:
    """Admit every Envoy as what it says it is, all to one group."""
    return Admission(peer.node, "")
