"""From Services and EndpointSlices to addresses."""

from __future__ import annotations

from kuadrant.api.meta import ObjectMeta
from kuadrant.api.service import (
    Endpoint,
    EndpointConditions,
    EndpointPort,
    EndpointSlice,
    Service,
    ServicePort,
    ServiceSpec,
)
from kuadrant.gateways.envoy import Address, ready_addresses
from kuadrant.gateways.envoy.endpoints import endpoints

READY = EndpointConditions(ready=True)
NOT_READY = EndpointConditions(ready=False, serving=True, terminating=True)


def _service(*ports: ServicePort, name: str = "toystore", namespace: str = "default") -> Service:
    return Service(metadata=ObjectMeta(name=name, namespace=namespace), spec=ServiceSpec(ports=ports))


def _slice(
    *found: Endpoint,
    ports: tuple[EndpointPort, ...] = (EndpointPort(port=8080),),
    address_type: str = "IPv4",
    service: str = "toystore",
) -> EndpointSlice:
    return EndpointSlice(
        metadata=ObjectMeta(name="s", namespace="default", labels={"kubernetes.io/service-name": service}),
        address_type=address_type,  # type: ignore[arg-type]
        endpoints=found,
        ports=ports,
    )


def _endpoint(address: str, conditions: EndpointConditions = READY) -> Endpoint:
    return Endpoint(addresses=(address,), conditions=conditions)


def test_the_slices_of_a_service_say_where_its_port_is() -> None:
    slices = [_slice(_endpoint("10.0.0.2")), _slice(_endpoint("10.0.0.1"), _endpoint("10.0.0.2"))]
    assert ready_addresses([_service(ServicePort(port=80, target_port=8080))], slices) == {
        ("default", "toystore", 80): (Address("10.0.0.1", 8080), Address("10.0.0.2", 8080)),
    }


def test_ports_are_matched_by_name() -> None:
    service = _service(
        ServicePort(name="web", port=80, target_port="http"), ServicePort(name="admin", port=81)
    )
    ports = (EndpointPort(name="admin", port=9000), EndpointPort(name="web", port=8080))
    assert ready_addresses([service], [_slice(_endpoint("10.0.0.1"), ports=ports)]) == {
        ("default", "toystore", 80): (Address("10.0.0.1", 8080),),
        ("default", "toystore", 81): (Address("10.0.0.1", 9000),),
    }


def test_only_ready_endpoints_count_and_unknown_is_ready() -> None:
    unknown = _endpoint("10.0.0.2", EndpointConditions())
    found = _slice(_endpoint("10.0.0.1", NOT_READY), unknown)
    assert ready_addresses([_service(ServicePort(port=80))], [found]) == {
        ("default", "toystore", 80): (Address("10.0.0.2", 8080),)
    }


def test_a_service_whose_slices_have_no_ready_endpoint_has_no_address() -> None:
    found = _slice(_endpoint("10.0.0.1", NOT_READY))
    assert ready_addresses([_service(ServicePort(port=80))], [found]) == {("default", "toystore", 80): ()}


def test_a_service_without_slices_is_not_there() -> None:
    others = [_slice(_endpoint("10.0.0.1"), service="other")]
    services = [
        _service(ServicePort(port=80)),
        _service(ServicePort(port=80), name="other", namespace="elsewhere"),
    ]
    assert ready_addresses(services, others) == {}


def test_host_names_and_udp_are_left_out() -> None:
    service = _service(ServicePort(port=80), ServicePort(name="dns", port=53, protocol="UDP"))
    slices = [
        _slice(_endpoint("backend.example.com"), address_type="FQDN"),
        _slice(
            _endpoint("10.0.0.1"), ports=(EndpointPort(port=8080, protocol="UDP"), EndpointPort(port=None))
        ),
    ]
    assert ready_addresses([service], slices) == {("default", "toystore", 80): ()}


def test_no_address_is_an_empty_assignment() -> None:
    assert endpoints("default/toystore/80", ())["endpoints"] == []
