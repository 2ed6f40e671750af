"""The providers that there are, and which one a gateway belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.gateways import envoy_gateway, istio

if TYPE_CHECKING:
    from kuadrant.gateways.provider import Provider

PROVIDERS: Final[tuple[Provider, ...]] = (istio, envoy_gateway)


def provider_of(controller: str) -> Provider | None:
    """Return the provider of the gateways of ``controller``, a GatewayClass's; None if we know none."""
    return next((provider for provider in PROVIDERS if controller in provider.CONTROLLERS), None)
