"""Reads stored Gateways and routes: what decides about requests, whatever else is written there.

The API server has looked at them, by definitions that may be newer than ours or less strict. A route that we
did not know would be served all the same, and without the limits of its Gateway. So what cannot be read of
one stands for as much as it could mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from kuadrant.api.fields import Hostname, ObjectName, SectionName
from kuadrant.api.gateway import Gateway, GatewayAddress, GatewaySpec, GatewayStatus, Listener
from kuadrant.api.grpc_route import GRPCRoute, GRPCRouteMatch, GRPCRouteRule, GRPCRouteSpec
from kuadrant.api.http_route import HTTPRoute, HTTPRouteMatch, HTTPRouteRule, HTTPRouteSpec
from kuadrant.api.route import ParentReference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kuadrant.operator.core.kinds import StoredGateway, StoredRoute

T = TypeVar("T")

_NOBODY = {"namespaces": {"from": "None"}}
_HTTP = ("HTTP", "HTTPS")


def http_route(stored: StoredRoute) -> HTTPRoute:
    """Return the parents, host names and matches of an HTTPRoute."""
    rules = tuple(
        HTTPRouteRule(name=_read(one.name, SectionName), matches=_matches(one.matches, HTTPRouteMatch))
        for one in stored.spec.rules
    )
    spec = HTTPRouteSpec(
        parent_refs=_parents(stored), hostnames=_hostnames(stored), rules=rules or (HTTPRouteRule(),)
    )
    return HTTPRoute(metadata=stored.metadata, spec=spec)


def grpc_route(stored: StoredRoute) -> GRPCRoute:
    """Return those of a GRPCRoute."""
    rules = tuple(
        GRPCRouteRule(name=_read(one.name, SectionName), matches=_matches(one.matches, GRPCRouteMatch))
        for one in stored.spec.rules
    )
    spec = GRPCRouteSpec(parent_refs=_parents(stored), hostnames=_hostnames(stored), rules=rules)
    return GRPCRoute(metadata=stored.metadata, spec=spec)


def gateway(stored: StoredGateway) -> Gateway:
    """Return a Gateway with the addresses of its status.

    Raises:
        msgspec.ValidationError: nothing is known of it.
    """
    spec, status = _without_tls(stored.spec), stored.status
    addresses = msgspec.convert({"addresses": status.get("addresses") or ()}, GatewayStatus)
    try:
        read = msgspec.convert(spec, GatewaySpec)
    except msgspec.ValidationError:
        listeners = [one for stored in spec.get("listeners") or () for one in _listener(stored)]
        class_ = msgspec.convert(spec.get("gatewayClassName"), ObjectName)
        wanted = msgspec.convert(spec.get("addresses") or (), tuple[GatewayAddress, ...])
        read = GatewaySpec(gateway_class_name=class_, listeners=tuple(listeners), addresses=wanted)
    return Gateway(metadata=stored.metadata, spec=read, status=addresses)


def _without_tls(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is not about TLS, which is the provider's: what is odd there changes nothing here."""
    listeners = [
        {field: value for field, value in one.items() if field != "tls"} if isinstance(one, dict) else one
        for one in spec.get("listeners") or ()
    ]
    kept = {field: value for field, value in spec.items() if field != "tls"}
    return {**kept, "listeners": listeners} if listeners else kept


def _listener(stored: Any) -> Iterator[Listener]:
    """Yield a listener without what no provider carries out.

    Whom a listener allows by a selector that is none, providers take for nobody. One that speaks what they do
    not know they leave out.
    """
    try:
        yield msgspec.convert(stored, Listener)
    except msgspec.ValidationError:
        if stored.get("protocol", "HTTP") in _HTTP:
            yield msgspec.convert({**stored, "allowedRoutes": _NOBODY}, Listener)


def _parents(route: StoredRoute) -> tuple[ParentReference, ...]:
    """Return the parents; what cannot be one that is known is none."""
    found = (_read(one, ParentReference) for one in route.spec.parent_refs or ())
    return tuple(one for one in found if one is not None)


def _hostnames(route: StoredRoute) -> tuple[str, ...]:
    """Return the host names; none, which means all, if one of them cannot be read."""
    found = [_read(one, Hostname) for one in route.spec.hostnames or ()]
    return () if None in found else tuple(one for one in found if one is not None)


def _matches(stored: Iterable[Any] | None, type_: type[T]) -> tuple[T, ...]:
    """Return what requests have to be like; any request fulfils what cannot be read."""
    return tuple(_read(one, type_) or type_() for one in stored or ({},))


def _read(value: Any, type_: Any) -> Any:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError:
        return None
