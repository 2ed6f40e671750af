"""Reads from the Kuadrant and the Limitador what there is to serve limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.gateways.envoy import Address
from kuadrant.operator.core.held_limits import says_ready

if TYPE_CHECKING:
    from kuadrant.api.limitador import Limitador


def is_ready(resource: Limitador) -> bool:
    """Tell whether the rate limit service says that it serves the resource as it is now."""
    return is_observed(resource) and says_ready(resource)


def is_observed(resource: Limitador) -> bool:
    """Tell whether the rate limit service has seen the resource as it is now."""
    return resource.status.observed_generation >= resource.metadata.generation


def service_address(resource: Limitador) -> Address | None:
    """Return where the rate limit service answers gRPC; None as long as it has not said so."""
    service = resource.status.service
    return Address(service.host, service.ports.grpc) if service.host and service.ports.grpc else None
