"""The providers that there are, and which one a gateway belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.gateways import envoy_gateway, istio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.gateways.provider import Provider

PROVIDERS: Final[tuple[Provider, ...]] = (istio, envoy_gateway)


def provider_of(controller: str) -> Provider | None:
    """Return the provider of the gateways of ``controller``, a GatewayClass's; None if we know none."""
    return next((provider for provider in PROVIDERS if controller in provider.CONTROLLERS), None)


def provider_with(kind: str) -> Provider | None:
    """Return the provider that is configured by objects of a kind; None if none is."""
    return next((one for one in PROVIDERS if any(known.name == kind for known in one.KINDS)), None)


def linger(document: Mapping[str, Any]) -> float:
    """Return for how many seconds an object of ours stays after those that need it; 0 if none does."""
    provider = provider_with(document["kind"])
    return provider.LINGER if provider is not None and provider.is_needed(document) else 0.0
