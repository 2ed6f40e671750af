"""Discovery messages as bytes, and what gRPC says of who sent them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from google.protobuf.message import DecodeError

from kuadrant.envoy_api import field, message
from kuadrant.xds.discovery_stream import Request, Response

if TYPE_CHECKING:
    from kuadrant.xds.peer_bounds import Limits

_REQUEST = message("envoy.service.discovery.v3.DiscoveryRequest")
_RESPONSE = message("envoy.service.discovery.v3.DiscoveryResponse")


class InvalidRequestError(Exception):
    """The request is none that an Envoy of ours sends; the text says why and holds nothing of it."""


def read_request(received: bytes, type_url: str, limits: Limits) -> tuple[Request, str]:
    """Return a request of ``type_url`` where it names none, and the node's cluster.

    Raises:
        InvalidRequestError: It is no DiscoveryRequest, or larger than ``limits`` say.
    """
    if len(received) > limits.message:
        raise InvalidRequestError(f"a request has at most {limits.message} bytes")
    try:
        parsed = _REQUEST.FromString(received)
    except DecodeError:
        raise InvalidRequestError("it is no DiscoveryRequest") from None
    node, type_url = parsed.node, parsed.type_url or type_url
    if max(map(len, (node.id, node.cluster, type_url))) > limits.node:
        raise InvalidRequestError(f"a node's id and cluster and a type have at most {limits.node} characters")
    refused = parsed.HasField("error_detail")
    request = Request(
        type_url=type_url,
        names=tuple(parsed.resource_names),
        nonce=parsed.response_nonce,
        error=parsed.error_detail.message[: limits.text] if refused else None,
        node=node.id,
    )
    return request, node.cluster


def to_bytes(response: Response) -> bytes:
    """Return a DiscoveryResponse."""
    rest = _RESPONSE(version_info=response.version, type_url=response.type_url, nonce=response.nonce)
    pieces = [rest.SerializeToString()]
    for resource in response.resources:
        pieces += field(_RESPONSE, "resources", resource.parts)
    return b"".join(pieces)


def address_of(peer: str) -> tuple[str, int]:
    """The IP address and port of gRPC's ``ipv4:192.0.2.1:50000`` or ``ipv6:%5B2001:db8::1%5D:50000``.

    0 where there is no port.
    """
    _, _, rest = unquote(peer).partition(":")
    host, _, port = rest.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port) if port.isdecimal() else 0


def token_of(context: Any) -> str:
    """The bearer token that a client shows; empty if it shows none."""
    for name, value in context.invocation_metadata() or ():
        if name == "authorization":
            scheme, _, token = str(value).partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return ""
