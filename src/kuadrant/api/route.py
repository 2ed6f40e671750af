"""The common parts of HTTPRoute and GRPCRoute (``gateway.networking.k8s.io``)."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from kuadrant.api.fields import (
    ANY_OTHER,
    DnsLabel,
    Fields,
    Group,
    HeaderName,
    Kind,
    ObjectName,
    PortNumber,
    SectionName,
)
from kuadrant.api.meta import Condition


class ParentReference(Fields, frozen=True, gc=False, kw_only=True):
    """The gateway (or another parent) that a route attaches to; without ``namespace`` in the route's own."""

    group: Group = "gateway.networking.k8s.io"
    kind: Kind = "Gateway"
    namespace: DnsLabel | None = None
    name: ObjectName
    section_name: SectionName | None = None
    port: PortNumber | None = None


class HeaderMatch(Fields, frozen=True, gc=False, kw_only=True):
    """A header that a request must carry; names compare without regard to case."""

    type: Annotated[Literal["Exact", "RegularExpression"], Meta(description="How the value compares.")] = (
        "Exact"
    )
    name: Annotated[HeaderName, Meta(description="The header's name.")]
    value: Annotated[str, Meta(min_length=1, max_length=4096, description="What its value has to be.")]


class HeaderValue(Fields, frozen=True, gc=False, kw_only=True):
    """A header with its value."""

    name: HeaderName
    value: Annotated[str, Meta(min_length=1, max_length=4096)]


class HeaderFilter(Fields, frozen=True, gc=False, kw_only=True):
    """Headers to set, to add to and to remove."""

    set: Annotated[tuple[HeaderValue, ...], Meta(max_length=16)] = ()
    add: Annotated[tuple[HeaderValue, ...], Meta(max_length=16)] = ()
    remove: Annotated[tuple[HeaderName, ...], Meta(max_length=16)] = ()


class BackendObjectReference(Fields, frozen=True, gc=False, kw_only=True):
    """A backend, by default a Service; without ``namespace`` in the route's own. A Service needs ``port``."""

    group: Group = ""
    kind: Kind = "Service"
    name: ObjectName
    namespace: DnsLabel | None = None
    port: PortNumber | None = None


class Fraction(Fields, frozen=True, gc=False, kw_only=True):
    """A share of requests."""

    numerator: Annotated[int, Meta(ge=0)]
    denominator: Annotated[int, Meta(ge=1)] = 100


class RequestMirrorFilter(Fields, frozen=True, gc=False, kw_only=True):
    """Sends a copy of requests to another backend."""

    backend_ref: BackendObjectReference
    percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    fraction: Fraction | None = None


class LocalObjectReference(Fields, frozen=True, gc=False, kw_only=True):
    """An object in the namespace of the one that names it."""

    group: Group
    kind: Kind
    name: ObjectName


class RouteParentStatus(Fields, frozen=True, gc=False, kw_only=True):
    """The words of one controller on a route under one parent."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    parent_ref: ParentReference
    controller_name: str = ""
    conditions: tuple[Condition, ...] = ()


class RouteStatus(Fields, frozen=True, gc=False, kw_only=True):
    """The words of controllers on a route."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    parents: tuple[RouteParentStatus, ...] = ()
