"""GRPCRoute (``gateway.networking.k8s.io``)."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta
from msgspec.structs import force_setattr

from kuadrant.api.fields import Fields, Hostname, SectionName
from kuadrant.api.meta import Object
from kuadrant.api.route import (
    BackendObjectReference,
    HeaderFilter,
    HeaderMatch,
    LocalObjectReference,
    ParentReference,
    RequestMirrorFilter,
    RouteStatus,
)


class GRPCMethodMatch(Fields, frozen=True, gc=False, kw_only=True):
    """A condition on the service and method that are called; at least one of the two is given."""

    type: Literal["Exact", "RegularExpression"] = "Exact"
    service: Annotated[str, Meta(max_length=1024)] | None = None
    method: Annotated[str, Meta(max_length=1024)] | None = None


class GRPCRouteMatch(Fields, frozen=True, gc=False, kw_only=True):
    """Conditions on a call; all parts hold together, and without any it is every call."""

    method: GRPCMethodMatch | None = None
    headers: Annotated[tuple[HeaderMatch, ...], Meta(max_length=16)] = ()


class GRPCRouteFilter(Fields, frozen=True, gc=False, kw_only=True):
    """A change to calls or responses; the field that belongs to ``type`` is set and no other."""

    type: Literal["RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "ExtensionRef"]
    request_header_modifier: HeaderFilter | None = None
    response_header_modifier: HeaderFilter | None = None
    request_mirror: RequestMirrorFilter | None = None
    extension_ref: LocalObjectReference | None = None


class GRPCBackendRef(BackendObjectReference, frozen=True, gc=False, kw_only=True):
    """A backend and its share of the rule's calls, in proportion to the sum of all weights."""

    weight: Annotated[int, Meta(ge=0, le=1_000_000)] = 1
    filters: Annotated[tuple[GRPCRouteFilter, ...], Meta(max_length=16)] = ()


class GRPCRouteRule(Fields, frozen=True, gc=False, kw_only=True):
    """Calls that fulfil one of ``matches``, and what happens to them. There is always at least one match."""

    unread: ClassVar[frozenset[str]] = frozenset({"sessionPersistence"})

    name: SectionName | None = None
    matches: Annotated[tuple[GRPCRouteMatch, ...], Meta(max_length=64)] = (GRPCRouteMatch(),)
    filters: Annotated[tuple[GRPCRouteFilter, ...], Meta(max_length=16)] = ()
    backend_refs: Annotated[tuple[GRPCBackendRef, ...], Meta(max_length=16)] = ()

    def __post_init__(self) -> None:
        """Read an empty list as Gateway API means it: every call."""
        if not self.matches:
            force_setattr(self, "matches", (GRPCRouteMatch(),))


class GRPCRouteSpec(Fields, frozen=True, gc=False, kw_only=True):
    """The gateways, host names and rules of a route."""

    unread: ClassVar[frozenset[str]] = frozenset({"useDefaultGateways"})

    parent_refs: Annotated[tuple[ParentReference, ...], Meta(max_length=32)] = ()
    hostnames: Annotated[tuple[Hostname, ...], Meta(max_length=16)] = ()
    rules: Annotated[tuple[GRPCRouteRule, ...], Meta(max_length=16)] = ()


class GRPCRoute(Object, frozen=True, gc=False, kw_only=True):
    """Sends gRPC calls of a gateway to backends."""

    kind: ClassVar[str] = "GRPCRoute"
    api_versions: ClassVar[tuple[str, ...]] = ("gateway.networking.k8s.io/v1",)

    spec: GRPCRouteSpec = GRPCRouteSpec()
    status: RouteStatus = RouteStatus()
