"""GatewayClass and Gateway (``gateway.networking.k8s.io``)."""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, field

from kuadrant.api.fields import (
    ANY_OTHER,
    DnsLabel,
    Fields,
    Group,
    Hostname,
    Kind,
    ObjectName,
    PortNumber,
    SectionName,
)
from kuadrant.api.meta import Condition, LabelSelector, Object


class GatewayClassSpec(Fields, frozen=True, gc=False, kw_only=True):
    """The controller that serves the Gateways of a class."""

    unread: ClassVar[frozenset[str]] = frozenset({"description", "parametersRef"})

    controller_name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=253,
            pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$",
            extra={"rule": "a domain and a path, such as example.com/gateway-controller"},
        ),
    ]


class GatewayClassStatus(Fields, frozen=True, gc=False, kw_only=True):
    """The controller's words on the class."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    conditions: tuple[Condition, ...] = ()


class GatewayClass(Object, frozen=True, gc=False, kw_only=True):
    """A kind of gateway that a cluster offers."""

    kind: ClassVar[str] = "GatewayClass"
    api_versions: ClassVar[tuple[str, ...]] = (
        "gateway.networking.k8s.io/v1",
        "gateway.networking.k8s.io/v1beta1",
    )
    namespaced: ClassVar[bool] = False

    spec: GatewayClassSpec
    status: GatewayClassStatus = GatewayClassStatus()


class RouteNamespaces(Fields, frozen=True, gc=False, kw_only=True):
    """The namespaces that routes may come from; ``selector`` counts for ``Selector`` only."""

    from_: Literal["All", "Selector", "Same", "None"] = field(name="from", default="Same")
    selector: LabelSelector | None = None


class RouteGroupKind(Fields, frozen=True, gc=False, kw_only=True):
    """A kind of route that a listener takes."""

    group: Group = "gateway.networking.k8s.io"
    kind: Kind


class AllowedRoutes(Fields, frozen=True, gc=False, kw_only=True):
    """The routes that may attach to a listener; without ``kinds`` those that fit its protocol."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: Annotated[tuple[RouteGroupKind, ...], Meta(max_length=8)] = ()


class SecretReference(Fields, frozen=True, gc=False, kw_only=True):
    """Names what holds a certificate, by default a Secret; without ``namespace`` in the Gateway's own."""

    group: Group = ""
    kind: Kind = "Secret"
    name: ObjectName
    namespace: DnsLabel | None = None


class ListenerTLS(Fields, frozen=True, gc=False, kw_only=True):
    """Says how a listener speaks TLS, and where its certificates are.

    ``frontend_validation`` asks for certificates of clients. It is only known whether it is there.
    """

    mode: Literal["Terminate", "Passthrough"] = "Terminate"
    certificate_refs: Annotated[tuple[SecretReference, ...], Meta(max_length=64)] = ()
    frontend_validation: Any = None
    options: Annotated[dict[str, str], Meta(max_length=16)] = field(default_factory=dict)


class Listener(Fields, frozen=True, gc=False, kw_only=True):
    """A port of a gateway, or one host name of it. Without ``hostname`` it takes every host name."""

    name: SectionName
    hostname: Hostname | None = None
    port: PortNumber
    protocol: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=255,
            pattern=r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]+$",
            extra={
                "rule": (
                    "HTTP, HTTPS, TLS, TCP, UDP or a protocol of an implementation such as example.com/name"
                )
            },
        ),
    ]
    tls: ListenerTLS | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()


class GatewayTLS(Fields, frozen=True, gc=False, kw_only=True):
    """TLS of all listeners; ``frontend`` asks for certificates of clients."""

    unread: ClassVar[frozenset[str]] = frozenset({"backend"})

    frontend: Any = None


class GatewayAddress(Fields, frozen=True, gc=False, kw_only=True):
    """An address that a gateway asks for or has."""

    type: str = "IPAddress"
    value: str = ""


class GatewaySpec(Fields, frozen=True, gc=False, kw_only=True):
    """The class of a gateway, its listeners and the addresses it asks for."""

    unread: ClassVar[frozenset[str]] = frozenset(
        {"allowedListeners", "backendTLS", "defaultScope", "infrastructure"}
    )

    gateway_class_name: ObjectName
    listeners: Annotated[tuple[Listener, ...], Meta(min_length=1, max_length=64)]
    addresses: Annotated[tuple[GatewayAddress, ...], Meta(max_length=16)] = ()
    tls: GatewayTLS = GatewayTLS()


class ListenerStatus(Fields, frozen=True, gc=False, kw_only=True):
    """The controller's words on one listener."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    name: str
    attached_routes: int = 0
    conditions: tuple[Condition, ...] = ()


class GatewayStatus(Fields, frozen=True, gc=False, kw_only=True):
    """The controller's words on a gateway."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    addresses: tuple[GatewayAddress, ...] = ()
    conditions: tuple[Condition, ...] = ()
    listeners: tuple[ListenerStatus, ...] = ()


class Gateway(Object, frozen=True, gc=False, kw_only=True):
    """A gateway: where requests come in."""

    kind: ClassVar[str] = "Gateway"
    api_versions: ClassVar[tuple[str, ...]] = (
        "gateway.networking.k8s.io/v1",
        "gateway.networking.k8s.io/v1beta1",
    )

    spec: GatewaySpec
    status: GatewayStatus = GatewayStatus()
