"""What the monitors of an installation have Prometheus scrape is there, and tells what alerts stand on."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from scripts.generate_metrics import sections
from tests.lab.policies import limited_by
from tests.lab.walk import ENVOY_GATEWAY, ISTIO, POLICY, wait, walking
from tests.monitoring_kinds import MONITORING
from tests.scraped import assert_told, scraped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.conftest import Lab
    from tests.lab.walk import Walk

ENABLED: Final = '{"spec": {"observability": {"enable": true}}}'
LABEL: Final = ("-l", "kuadrant.io/observability=true")
BY_LIMIT: Final = {f"kuadrant_{what}_by_limit" for what in ("limited", "shadow_limited", "soft_exceeded")}
"""They are there from the first such request on, and with their labels."""
MONITORED: Final = {
    "ServiceMonitor kuadrant-system/kuadrant-operator-monitor",
    "PodMonitor kuadrant-system/kuadrant-limitador-monitor",
    f"PodMonitor {ISTIO.namespace}/istio-pod-monitor",
    f"PodMonitor {ENVOY_GATEWAY.namespace}/envoy-stats-monitor",
}


@pytest.fixture(scope="module")
def walk(lab: Lab) -> Iterator[Walk]:
    """The toystore behind a gateway of each provider, with a policy and the monitors that it asks for."""
    with walking(lab, ISTIO, ENVOY_GATEWAY) as one:
        limited_by(one, POLICY)
        one.apply(MONITORING)
        try:
            kuadrant = ("kuadrant", "kuadrant", "-n", "kuadrant-system", "--type=merge")
            lab.run("kubectl", "patch", *kuadrant, f"--patch={ENABLED}")
            wait(lambda: there(lab).keys() == MONITORED)
            yield one
            lab.run("kubectl", "patch", *kuadrant, f"--patch={ENABLED.replace('true', 'false')}")
            wait(lambda: not there(lab))
        finally:
            lab.run("bash", "-c", f"kubectl delete -f - <<'EOF'\n{MONITORING}\nEOF")


def there(lab: Lab) -> dict[str, dict[str, Any]]:
    """The monitors of ours in the cluster."""
    printed = lab.run("kubectl", "get", "servicemonitors,podmonitors", "-A", *LABEL, "-o", "json")
    return {
        f"{one['kind']} {one['metadata']['namespace']}/{one['metadata']['name']}": one
        for one in json.loads(printed)["items"]
    }


def pods(lab: Lab, monitor: dict[str, Any]) -> list[dict[str, Any]]:
    """The running pods that a monitor selects, of a ServiceMonitor those of its Services."""
    spec = monitor["spec"]
    found = []
    for namespace in spec["namespaceSelector"]["matchNames"]:
        selector = _text(spec["selector"])
        if monitor["kind"] == "ServiceMonitor":
            services = _items(lab, "services", namespace, selector)
            port = spec["endpoints"][0]["port"]
            (service,) = [one for one in services if port in {each["name"] for each in one["spec"]["ports"]}]
            selector = ",".join(f"{name}={value}" for name, value in service["spec"]["selector"].items())
        found += _items(lab, "pods", namespace, selector)
    return [one for one in found if one["status"]["phase"] == "Running"]


def _text(selector: dict[str, Any]) -> str:
    """A selector as kubectl takes it."""
    parts = [f"{name}={value}" for name, value in selector.get("matchLabels", {}).items()]
    for one in selector.get("matchExpressions", ()):
        values = ",".join(one.get("values", ()))
        parts.append(f"{one['key']} in ({values})" if one["operator"] == "In" else f"!{one['key']}")
    return ",".join(parts)


def _items(lab: Lab, kind: str, namespace: str, selector: str) -> list[dict[str, Any]]:
    printed = lab.run("kubectl", "get", kind, "-n", namespace, "-l", selector, "-o", "json")
    return list(json.loads(printed)["items"])


def scrape(lab: Lab, monitor: dict[str, Any]) -> list[str]:
    """What the pods of a monitor tell, asked as it says."""
    spec = monitor["spec"]
    (endpoint,) = spec.get("endpoints") or spec["podMetricsEndpoints"]
    pages = []
    for pod in pods(lab, monitor):
        containers = [one for one in pod["spec"]["containers"] if _is_kept(endpoint, pod, one)]
        ports = {
            port.get("name"): port["containerPort"] for one in containers for port in one.get("ports", ())
        }
        # Without a name it is the one that the pod's annotation tells.
        number = ports.get(endpoint.get("port")) or pod["metadata"].get("annotations", {}).get(
            "prometheus.io/port"
        )
        if number:
            url = f"http://{pod['status']['podIP']}:{number}{endpoint['path']}"
            pages.append(lab.run("curl", "--silent", "--fail", url) + "\n")
    return pages


def _is_kept(endpoint: dict[str, Any], pod: dict[str, Any], container: dict[str, Any]) -> bool:
    """Whether the monitor of Istio keeps a container: any other has no such rules."""
    if "relabelings" not in endpoint:
        return True
    return container["name"] == "istio-proxy" and "prometheus.io/scrape" in pod["metadata"].get(
        "annotations", {}
    )


def test_the_operator_tells_what_the_page_has(walk: Walk) -> None:
    pages = scrape(walk.lab, there(walk.lab)["ServiceMonitor kuadrant-system/kuadrant-operator-monitor"])
    assert len(pages) == 2
    told = sections()
    for page in pages:
        assert_told(page, [*told["The operator"], *told["The module server"]])
        assert "kuadrant_exists 1.0" in page
        assert 'kuadrant_policies_enforced{kind="RateLimitPolicy",status="true"} 1.0' in page
    leading = [
        page for page in pages if 'leader_election_master_status{name="f139389e.kuadrant.io"} 1.0' in page
    ]
    assert len(leading) == 1
    assert "kuadrant_gateway_pods{" in leading[0]


def test_the_rate_limit_service_tells_what_the_page_has(walk: Walk) -> None:
    assert walk.statuses(6, "-X", "POST")[-1] == "429"
    pages = scrape(walk.lab, there(walk.lab)["PodMonitor kuadrant-system/kuadrant-limitador-monitor"])
    told = sections()
    for page in pages:
        metrics = [*told["The rate limit service"], *told["The rate limit service of a cluster"]]
        assert_told(page, metrics)
    (page,) = pages
    assert 'limited_calls{limit_name="create-toy",limitador_namespace="default/toystore"}' in page


def test_proxies_of_envoy_gateway_tell_of_the_module(walk: Walk) -> None:
    name = f"PodMonitor {ENVOY_GATEWAY.namespace}/envoy-stats-monitor"
    (page,) = scrape(walk.lab, there(walk.lab)[name])
    assert lacking(page) == set()


def test_a_gateway_of_istio_tells_of_the_module(walk: Walk) -> None:
    """The lab's is deployed by hand, without the annotation by which Istio has its pods scraped."""
    name = f"PodMonitor {ISTIO.namespace}/istio-pod-monitor"
    assert scrape(walk.lab, there(walk.lab)[name]) == []
    (pod,) = _items(walk.lab, "pods", ISTIO.namespace, f"app={ISTIO.gateway}")
    page = walk.lab.run(
        "curl", "--silent", "--fail", f"http://{pod['status']['podIP']}:15020/stats/prometheus"
    )
    assert lacking(page + "\n") == set()


def lacking(page: str) -> set[str]:
    """What of docs/metrics.md a gateway does not tell; the name of its plugin is part of two."""
    told = {re.sub("envoy_wasm_.*kuadrant.*_vm_", "envoy_wasm_kuadrant_vm_", name) for name in scraped(page)}
    return {metric.name for metric in sections()["Gateways"]} - told - BY_LIMIT
