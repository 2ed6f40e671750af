"""The monitors by which the Prometheus operator is told what to scrape, as Kuadrant's operator makes them.

They have its names and labels, and what is scraped is the same: whoever selects them finds them. Fields that
somebody adds, such as an interval, stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.gateways import envoy_gateway, istio
from kuadrant.gateways.ownership import MANAGED
from kuadrant.policy.oldest_kuadrant import oldest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from kuadrant.api.kuadrant import Kuadrant
    from kuadrant.kube.kind import Key

_GROUP: Final = "monitoring.coreos.com/v1"
_LABELS: Final = {**MANAGED, "kuadrant.io/observability": "true"}
_ADDRESS: Final = ["__meta_kubernetes_pod_annotation_prometheus_io_port", "__meta_kubernetes_pod_ip"]
_OF_ISTIO: Final[tuple[dict[str, Any], ...]] = (
    {"action": "keep", "sourceLabels": ["__meta_kubernetes_pod_container_name"], "regex": "istio-proxy"},
    {
        "action": "keep",
        "sourceLabels": ["__meta_kubernetes_pod_annotationpresent_prometheus_io_scrape"],
        "regex": "true",
    },
    {
        "action": "replace",
        "sourceLabels": _ADDRESS,
        "regex": r"(\d+);(([A-Fa-f0-9]{1,4}::?){1,7}[A-Fa-f0-9]{1,4})",
        "replacement": "[$2]:$1",
        "targetLabel": "__address__",
    },
    {
        "action": "replace",
        "sourceLabels": _ADDRESS,
        "regex": r"(\d+);((([0-9]+?)(\.|$)){4})",
        "replacement": "$2:$1",
        "targetLabel": "__address__",
    },
    {"action": "labeldrop", "regex": "__meta_kubernetes_pod_label_(.+)"},
    {"action": "replace", "sourceLabels": ["__meta_kubernetes_namespace"], "targetLabel": "namespace"},
    {"action": "replace", "sourceLabels": ["__meta_kubernetes_pod_name"], "targetLabel": "pod_name"},
)


def monitors(
    kuadrants: Iterable[Kuadrant],
    served: Collection[str],
    providers: Mapping[Key, str],
    namespace: str,
    envoy_gateway_namespace: str,
) -> tuple[dict[str, Any], ...]:
    """Return the monitors that there have to be: none unless the Kuadrant asks for them.

    Args:
        kuadrants: those of the cluster, of which the oldest counts.
        served: the names of the kinds that the cluster has; monitors of others are left out.
        providers: the name of the provider of each Gateway.
        namespace: the operator's own.
        envoy_gateway_namespace: where Envoy Gateway has its proxies.
    """
    kuadrant = oldest(kuadrants)
    if kuadrant is None or kuadrant.spec.observability is None or not kuadrant.spec.observability.enable:
        return ()
    istios = sorted({key[0] for key, name in providers.items() if name == istio.NAME})
    envoys = sorted({key[0] for key, name in providers.items() if name == envoy_gateway.NAME})
    wanted = (
        _of_operator(namespace),
        _of_service(kuadrant.metadata.namespace),
        *map(_of_istio, istios),
        *(_of_envoy_gateway(one, envoy_gateway_namespace) for one in envoys),
    )
    return tuple(one for one in wanted if one["kind"] in served)


def _of_operator(namespace: str) -> dict[str, Any]:
    return _monitor(
        "ServiceMonitor",
        (namespace, "kuadrant-operator-monitor"),
        {"control-plane": "controller-manager"},
        {
            "endpoints": [
                # Without honorLabels the namespace of a policy would be told as exported_namespace.
                {"port": "metrics", "path": "/metrics", "scheme": "http", "honorLabels": True}
            ],
            "selector": {"matchLabels": {"control-plane": "controller-manager", "app": "kuadrant"}},
        },
    )


def _of_service(namespace: str) -> dict[str, Any]:
    """Return the monitor of the rate limit service, ours or the one that the limitador-operator brings."""
    return _monitor(
        "PodMonitor",
        (namespace, "kuadrant-limitador-monitor"),
        {"app": "limitador"},
        {
            "podMetricsEndpoints": [{"port": "http", "path": "/metrics", "scheme": "http"}],
            "selector": {
                "matchLabels": {"limitador-resource": "limitador"},
                "matchExpressions": [{"key": "app", "operator": "In", "values": ["kuadrant", "limitador"]}],
            },
        },
    )


def _of_istio(namespace: str) -> dict[str, Any]:
    return _monitor(
        "PodMonitor",
        (namespace, "istio-pod-monitor"),
        {},
        {
            "podMetricsEndpoints": [
                {"path": "/stats/prometheus", "interval": "30s", "relabelings": [*_OF_ISTIO]}
            ],
            "selector": {
                "matchExpressions": [{"key": "istio-prometheus-ignore", "operator": "DoesNotExist"}]
            },
        },
    )


def _of_envoy_gateway(namespace: str, proxies: str) -> dict[str, Any]:
    """Return the monitor of the proxies of a namespace's Gateways: there, or beside Envoy Gateway."""
    return _monitor(
        "PodMonitor",
        (namespace, "envoy-stats-monitor"),
        {},
        {
            "podMetricsEndpoints": [{"port": "metrics", "path": "/stats/prometheus"}],
            "selector": {"matchLabels": {"gateway.envoyproxy.io/owning-gateway-namespace": namespace}},
            "namespaceSelector": {"matchNames": sorted({namespace, proxies})},
        },
    )


def _monitor(kind: str, key: Key, labels: Mapping[str, str], spec: Mapping[str, Any]) -> dict[str, Any]:
    namespace, name = key
    return {
        "apiVersion": _GROUP,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": {**_LABELS, **labels}},
        "spec": {"namespaceSelector": {"matchNames": [namespace]}, **spec},
    }
