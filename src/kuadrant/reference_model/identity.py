"""The identity of a request, as gateways have it: the map that ``auth.identity`` is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kuadrant.policy.identity_source import CLAIMS, PATH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.compiler.program import Action
    from kuadrant.policy.identity_source import IdentitySource
    from kuadrant.reference_model.request import Request, Value


def source_of(actions: Iterable[Action]) -> IdentitySource | None:
    """Return the source that the limits of ``actions`` have; None if none asks who a request is from."""
    return next((limit.identity for action in actions for limit in action.limits if limit.identity), None)


def identified(request: Request, source: IdentitySource | None) -> Request:
    """Return ``request`` with what a gateway with that source knows of who it is from.

    Where the gateway has authenticated nobody that is an empty map.
    """
    if source is None:
        return request
    attributes = {**request.attributes, (PATH[0], PATH[1]): _identity(request, source)}
    return replace(request, attributes=attributes)


def _identity(request: Request, source: IdentitySource) -> Value:
    match source.kind:
        case "jwt":
            found: Value | None = request.attributes.get((CLAIMS[0], CLAIMS[1]))
            for name in (CLAIMS[2], source.name):
                found = found.get(name) if isinstance(found, dict) else None
            return found if isinstance(found, dict) else {}
        case "header":
            value = request.text(f"request.headers.{source.name.replace('.', chr(92) + '.')}")
            return {"username": value, "userid": value} if value else {}
        case "mtls":
            return _of_certificate(request)


def _of_certificate(request: Request) -> Value:
    def text(name: str) -> str:
        return str(request.attributes.get(("connection", name)) or "")

    if request.attributes.get(("connection", "mtls")) is not True:
        return {}
    san = text("uri_san_peer_certificate") or text("dns_san_peer_certificate")
    known: dict[str, Value] = {"san": san, "subject": text("subject_peer_certificate")}
    return {name: value for name, value in known.items() if value}
