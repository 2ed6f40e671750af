"""Tells how the installation stands, in numbers, under the names of Kuadrant's operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from prometheus_client.core import GaugeMetricFamily

from kuadrant.gateways import envoy_gateway, istio
from kuadrant.gateways.limitador import NAME
from kuadrant.operator.core.installation import is_ready
from kuadrant.policy.oldest_kuadrant import oldest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from kuadrant.api.meta import Condition
    from kuadrant.gateways.provider import Provider
    from kuadrant.operator.core.world import World

_PROVIDERS: Final[dict[str, Provider]] = {"istio": istio, "envoygateway": envoy_gateway}
"""The providers as Kuadrant calls them here."""


class InstallationState(Struct, frozen=True, kw_only=True):
    """Tells how the installation stands.

    Attributes:
        kuadrant: the namespace and name of the Kuadrant; None if there is none.
        ready: it is said to be ready.
        is_service_ready: the rate limit service has taken its resource as it is now.
        has_limits: the cluster has a Limitador in the Kuadrant's namespace.
        served: the names of the kinds of providers that the cluster has.
    """

    kuadrant: tuple[str, str] | None = None
    ready: bool = False
    is_service_ready: bool = False
    has_limits: bool = False
    served: frozenset[str] = frozenset()


def installation_state(world: World, condition: Condition | None) -> InstallationState:
    """Return how the installation stands.

    Args:
        world: what there is.
        condition: what is said of the Kuadrant; None if there is none.
    """
    kuadrant = oldest(world.objects.kuadrants)
    if kuadrant is None or condition is None:
        return InstallationState(served=world.served)
    key = (kuadrant.metadata.namespace, kuadrant.metadata.name)
    resource = world.limitadors.get((key[0], NAME))
    return InstallationState(
        kuadrant=key,
        ready=condition.status == "True",
        is_service_ready=resource is not None and is_ready(resource),
        has_limits=resource is not None,
        served=world.served,
    )


def installation_metrics(state: InstallationState) -> Iterator[Metric]:
    """Yield the metrics of the installation.

    What is not looked for, such as Authorino, is not told of.
    """
    yield GaugeMetricFamily(
        "kuadrant_exists",
        "Whether a Kuadrant CR exists in the cluster (1=exists, 0=does not exist)",
        value=state.kuadrant is not None,
    )
    ready = GaugeMetricFamily(
        "kuadrant_ready",
        "Whether the Kuadrant CR is Ready (1=ready, 0=not ready). Metric is absent when CR doesn't exist.",
        labels=["namespace", "name"],
    )
    component = GaugeMetricFamily(
        "kuadrant_component_ready",
        "Whether a Kuadrant-managed component is ready (1=ready, 0=not ready). Metric is absent when CR "
        "doesn't exist.",
        labels=["component", "namespace"],
    )
    if state.kuadrant is not None:
        ready.add_metric([*state.kuadrant], state.ready)
        component.add_metric(["limitador", state.kuadrant[0]], state.is_service_ready)
    yield ready
    yield component
    detected = GaugeMetricFamily(
        "kuadrant_dependency_detected",
        "Whether a dependency was detected (1=detected, 0=not detected)",
        labels=["dependency"],
    )
    registered = GaugeMetricFamily(
        "kuadrant_controller_registered",
        "Whether a controller is active (1=registered, 0=not registered)",
        labels=["controller"],
    )
    registered.add_metric(["rate_limit_policies"], 1)
    for name, provider in _PROVIDERS.items():
        has_kinds = all(kind.name in state.served for kind in provider.KINDS)
        detected.add_metric([name], has_kinds)
        registered.add_metric([f"{name}_integration"], has_kinds)
    detected.add_metric(["limitador"], state.has_limits)
    yield detected
    yield registered
