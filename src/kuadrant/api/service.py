"""The places of backends: Service, EndpointSlice and Namespace."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from kuadrant.api.fields import ANY_OTHER, Fields, PortNumber
from kuadrant.api.meta import Object


class ServicePort(Fields, frozen=True, gc=False, kw_only=True):
    """A port of a Service and the port of its pods; without ``target_port`` the same number."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    name: str = ""
    port: PortNumber
    target_port: int | str | None = None
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    app_protocol: str = ""


class ServiceSpec(Fields, frozen=True, gc=False, kw_only=True):
    """The ports of a Service, how it is reached, and the labels of the pods behind it.

    There are no labels if others say who is behind it.
    """

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] = "ClusterIP"
    external_name: str = ""
    selector: dict[str, str] = field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()


class Service(Object, frozen=True, gc=False, kw_only=True):
    """A name and ports for a set of pods."""

    kind: ClassVar[str] = "Service"
    api_versions: ClassVar[tuple[str, ...]] = ("v1",)
    unread: ClassVar[frozenset[str]] = frozenset({"status"})

    spec: ServiceSpec = ServiceSpec()


class EndpointConditions(Fields, frozen=True, gc=False, kw_only=True):
    """The state of an endpoint; unknown means that it takes requests."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Fields, frozen=True, gc=False, kw_only=True):
    """One backend; its addresses are interchangeable."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    addresses: Annotated[tuple[str, ...], Meta(min_length=1, max_length=100)]
    conditions: EndpointConditions = EndpointConditions()


class EndpointPort(Fields, frozen=True, gc=False, kw_only=True):
    """A port of every endpoint of the slice; ``name`` is that of the Service's port."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    name: str = ""
    port: PortNumber | None = None
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    app_protocol: str = ""


class EndpointSlice(Object, frozen=True, gc=False, kw_only=True):
    """Some of the endpoints of the Service that the label ``kubernetes.io/service-name`` names."""

    kind: ClassVar[str] = "EndpointSlice"
    api_versions: ClassVar[tuple[str, ...]] = ("discovery.k8s.io/v1",)

    address_type: Literal["IPv4", "IPv6", "FQDN"]
    endpoints: Annotated[tuple[Endpoint, ...], Meta(max_length=1000)] = ()
    ports: Annotated[tuple[EndpointPort, ...], Meta(max_length=100)] = ()


class Namespace(Object, frozen=True, gc=False, kw_only=True):
    """A namespace, for its labels."""

    kind: ClassVar[str] = "Namespace"
    api_versions: ClassVar[tuple[str, ...]] = ("v1",)
    namespaced: ClassVar[bool] = False
    unread: ClassVar[frozenset[str]] = frozenset({"spec", "status"})
