"""Endpoints: where the requests for a port of a Service go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.gateways.envoy.socket_address import Address, socket_address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.api.service import EndpointSlice, Service

ENDPOINTS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"

BackendKey = tuple[str, str, int]
"""Namespace and name of a Service, and one of its ports."""

_SERVICE_NAME = "kubernetes.io/service-name"
_HTTP2 = "kubernetes.io/h2c"


def ready_addresses(
    services: Iterable[Service], slices: Iterable[EndpointSlice]
) -> dict[BackendKey, tuple[Address, ...]]:
    """Return the addresses of the ready endpoints of every port of every Service that has an EndpointSlice.

    A port without a ready endpoint has no addresses; a Service without any EndpointSlice is not in the
    result. Addresses are sorted, each once. Slices of host names (``FQDN``) and ports other than TCP are left
    out.
    """
    of_service: dict[tuple[str, str], list[EndpointSlice]] = {}
    for endpoint_slice in slices:
        name = endpoint_slice.metadata.labels.get(_SERVICE_NAME)
        if name:
            of_service.setdefault((endpoint_slice.metadata.namespace, name), []).append(endpoint_slice)
    return {
        (service.metadata.namespace, service.metadata.name, port.port): _addresses(port.name, own)
        for service in services
        if (own := of_service.get((service.metadata.namespace, service.metadata.name)))
        for port in service.spec.ports
        if port.protocol == "TCP"
    }


def http2_ports(services: Iterable[Service]) -> frozenset[BackendKey]:
    """Return the ports of Services that say that they speak HTTP/2 from the first byte on."""
    return frozenset(
        (service.metadata.namespace, service.metadata.name, port.port)
        for service in services
        for port in service.spec.ports
        if port.app_protocol == _HTTP2
    )


def _addresses(port_name: str, slices: list[EndpointSlice]) -> tuple[Address, ...]:
    """Return the addresses behind the Service's port of that name; its number is the slices'."""
    found = {
        Address(endpoint.addresses[0], port.port)
        for endpoint_slice in slices
        if endpoint_slice.address_type != "FQDN"
        for port in endpoint_slice.ports
        if port.name == port_name and port.protocol == "TCP" and port.port is not None
        for endpoint in endpoint_slice.endpoints
        if endpoint.conditions.ready is not False
    }
    return tuple(sorted(found))


def endpoints(name: str, addresses: Iterable[Address]) -> dict[str, Any]:
    """Return the endpoints of the cluster ``name``; without any address Envoy answers 503."""
    hosts = [{"endpoint": {"address": socket_address(address)}} for address in addresses]
    return {
        "@type": ENDPOINTS,
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": hosts}] if hosts else [],
    }
