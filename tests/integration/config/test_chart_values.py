"""What the chart's values decide, and which are refused before anything is installed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.config.helm import named, refusal, rendered

OPERATOR, SERVICE = "kuadrant-operator-controller-manager", "kuadrant-ratelimit"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"


def _deployments(values: Any) -> dict[str, dict[str, Any]]:
    """The specs of the Deployments by name."""
    found = named(rendered(values))
    return {name: one["spec"] for (kind, name), one in found.items() if kind == "Deployment"}


def _containers(values: Any) -> list[dict[str, Any]]:
    return [
        container
        for spec in _deployments(values).values()
        for container in spec["template"]["spec"]["containers"]
    ]


def _of(whose: str, values: dict[str, Any]) -> dict[str, Any]:
    """The values as those of the operator's pods or of the rate limit service's."""
    return values if whose == OPERATOR else {"ratelimit": values}


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ({}, "kuadrant-operator:latest"),
        ({"tag": "0.1.0"}, "kuadrant-operator:0.1.0"),
        ({"registry": "registry.example.com"}, "registry.example.com/kuadrant-operator:latest"),
        (
            {"registry": "registry.example.com:5000/mirror", "repository": "team/kuadrant", "tag": "v1"},
            "registry.example.com:5000/mirror/team/kuadrant:v1",
        ),
        ({"digest": DIGEST}, f"kuadrant-operator@{DIGEST}"),
        (
            {"registry": "registry.example.com", "tag": "v1", "digest": DIGEST},
            f"registry.example.com/kuadrant-operator@{DIGEST}",
        ),
        ("registry.example.com/kuadrant:1", "registry.example.com/kuadrant:1"),
    ],
    ids=["as built", "tag", "registry", "all but a digest", "digest", "digest wins", "whole, as in 0.1.0"],
)
def test_both_pods_run_the_image_that_is_named(image: Any, reference: str) -> None:
    assert [one["image"] for one in _containers({"image": image})] == [reference] * 2


def test_an_image_is_pulled_as_it_is_said() -> None:
    values = {"imagePullPolicy": "Always", "imagePullSecrets": [{"name": "key"}]}
    for spec in _deployments(values).values():
        pod = spec["template"]["spec"]
        assert pod["imagePullSecrets"] == [{"name": "key"}]
        assert [one["imagePullPolicy"] for one in pod["containers"]] == ["Always"]


@pytest.mark.parametrize("whose", [OPERATOR, SERVICE])
def test_a_deployment_has_its_own_replicas_and_settings(whose: str) -> None:
    specs = _deployments(_of(whose, {"replicas": 4, "settings": {"LOG_LEVEL": "debug"}}))
    for name, spec in specs.items():
        (container,) = spec["template"]["spec"]["containers"]
        assert (spec["replicas"] == 4) is (name == whose)
        assert ({"name": "LOG_LEVEL", "value": "debug"} in container["env"]) is (name == whose)


def test_a_large_number_reaches_a_setting_as_it_is_written() -> None:
    (operator, _) = _containers({"settings": {"BUDGET_POLICY_STEPS": 40000000, "DECISION_RECORDS": True}})
    assert operator["env"][-2:] == [
        {"name": "BUDGET_POLICY_STEPS", "value": "40000000"},
        {"name": "DECISION_RECORDS", "value": "true"},
    ]


POD: dict[str, Any] = {
    "nodeSelector": {"kubernetes.io/arch": "arm64"},
    "tolerations": [{"key": "limits", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "topologySpreadConstraints": [
        {"maxSkew": 2, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
    ],
    "priorityClassName": "system-cluster-critical",
}


@pytest.mark.parametrize("whose", [OPERATOR, SERVICE])
@pytest.mark.parametrize("field", POD)
def test_where_pods_run_is_said_for_each_deployment(whose: str, field: str) -> None:
    before = _deployments("")
    for name, spec in _deployments(_of(whose, {field: POD[field]})).items():
        pod = spec["template"]["spec"]
        assert pod.get(field) == (POD[field] if name == whose else _pod(before[name]).get(field))
        assert _without(field, pod) == _without(field, _pod(before[name]))


def _pod(spec: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = spec["template"]["spec"]
    return pod


def _without(field: str, pod: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in pod.items() if key != field}


@pytest.mark.parametrize("whose", [OPERATOR, SERVICE])
def test_what_a_container_takes_is_changed_one_by_one(whose: str) -> None:
    (before,) = _pod(_deployments("")[whose])["containers"]
    (after,) = _pod(_deployments(_of(whose, {"resources": {"limits": {"memory": "1Gi"}}}))[whose])[
        "containers"
    ]
    assert after["resources"] == {"requests": before["resources"]["requests"], "limits": {"memory": "1Gi"}}


@pytest.mark.parametrize("whose", [OPERATOR, SERVICE])
def test_pods_have_more_labels_and_annotations_and_are_selected_as_before(whose: str) -> None:
    more = {"podLabels": {"team": "edge"}, "podAnnotations": {"example.com/scrape": "true"}}
    before, after = _deployments("")[whose], _deployments(_of(whose, more))[whose]
    was, metadata = before["template"]["metadata"], after["template"]["metadata"]
    assert metadata["labels"] == {**was["labels"], **more["podLabels"]}
    assert metadata["annotations"] == {**was.get("annotations", {}), **more["podAnnotations"]}
    assert after["selector"] == before["selector"]


def test_trusted_keys_are_there_for_the_operator_alone() -> None:
    operator, service = _containers({"trustedKeys": "keys"})
    assert operator["volumeMounts"] == [
        {"name": "trusted-keys", "mountPath": "/etc/kuadrant/trusted", "readOnly": True}
    ]
    assert operator["env"][-1] == {"name": "WASM_SHIM_TRUSTED_KEYS", "value": "/etc/kuadrant/trusted"}
    assert "volumeMounts" not in service
    pod = _pod(_deployments({"trustedKeys": "keys"})[OPERATOR])
    assert pod["volumes"] == [{"name": "trusted-keys", "configMap": {"name": "keys"}}]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("{replica: 3}", "replica"),
        ("{image: {tga: v1}}", "tga"),
        ("{ratelimit: {replica: 3}}", "replica"),
        ("{ratelimit: {resource: {}}}", "resource"),
        ("{networkPolicies: {caller: gateways}}", "caller"),
        ("{settings: {LOG_LEVLE: debug}}", "LOG_LEVLE"),
        ("{settings: {RATELIMIT_HTTP_PORT: 1}}", "RATELIMIT_HTTP_PORT"),
        ("{settings: {POD_NAMESPACE: other}}", "POD_NAMESPACE"),
        ("{resources: {limit: {memory: 1Gi}}}", "limit"),
        ("{affinity: {podAffinities: {}}}", "podAffinities"),
        ("{imagePullSecrets: [{nam: key}]}", "nam"),
    ],
)
def test_a_name_that_is_none_is_refused_and_named(values: str, said: str) -> None:
    assert f"'{said}' not allowed" in refusal(values)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ("{replicas: two}", "/replicas"),
        ("{replicas: -1}", "/replicas"),
        ("{image: {tag: 1.10}}", "/image/tag"),
        ("{image: {tag: ''}}", "/image/tag"),
        ("{image: {registry: 'https://registry.example.com'}}", "/image/registry"),
        ("{image: {registry: registry.example.com/}}", "/image/registry"),
        ("{image: {repository: 'kuadrant:1'}}", "/image/repository"),
        ("{image: {digest: 'sha256:0123'}}", "/image/digest"),
        ("{image: 5}", "/image"),
        ("{image: ''}", "/image"),
        ("{imagePullPolicy: Sometimes}", "/imagePullPolicy"),
        ("{imagePullSecrets: [key]}", "/imagePullSecrets/0"),
        ("{ratelimit: {enabled: 'no'}}", "/ratelimit/enabled"),
        ("{ratelimit: {settings: {LOG_LEVEL: loud}}}", "/ratelimit/settings/LOG_LEVEL"),
        ("{settings: {WASM_SHIM_MODULES: [a]}}", "/settings/WASM_SHIM_MODULES"),
        ("{resources: {limits: {memory: [1]}}}", "/resources/limits/memory"),
        ("{nodeSelector: {disk: 1}}", "/nodeSelector/disk"),
        ("{tolerations: {key: limits}}", "/tolerations"),
        ("{topologySpreadConstraints: [{maxSkew: 1}]}", "/topologySpreadConstraints/0"),
        ("{priorityClassName: 7}", "/priorityClassName"),
        ("{podLabels: {team: 'a b'}}", "/podLabels/team"),
        ("{podLabels: {app: other}}", "/podLabels/app"),
        ("{ratelimit: {podLabels: {control-plane: other}}}", "/ratelimit/podLabels/control-plane"),
        (
            "{podAnnotations: {kubectl.kubernetes.io/default-container: x}}",
            "/podAnnotations/kubectl.kubernetes.io~1default-container",
        ),
        ("{networkPolicies: {callers: everybody}}", "/networkPolicies/callers"),
        ("{networkPolicies: {storePorts: [redis]}}", "/networkPolicies/storePorts/0"),
        ("{networkPolicies: {apiServerPorts: [0]}}", "/networkPolicies/apiServerPorts/0"),
        ("{networkPolicies: {gateways: [10.0.0.0/24]}}", "/networkPolicies/gateways/0"),
    ],
)
def test_a_value_of_a_wrong_kind_is_refused_and_its_place_named(values: str, where: str) -> None:
    assert f"at '{where}'" in refusal(values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("{resources: null, podLabels: null}", "at '': missing properties"),
        ("{image: {tag: null}}", "missing property 'tag'"),
        ("{ratelimit: {resources: null}}", "at '/ratelimit': missing property 'resources'"),
    ],
)
def test_values_of_a_chart_that_knew_fewer_are_refused(values: str, said: str) -> None:
    """As those of ``helm upgrade --reuse-values``: the defaults of what is new would be lost."""
    assert said in refusal(values)


def test_a_bound_can_be_taken_away() -> None:
    (operator, _) = _containers("{resources: {limits: null}}")
    assert operator["resources"].keys() == {"requests"}


def test_a_chart_that_has_this_one_may_hand_down_what_is_global() -> None:
    assert rendered({"global": {"imageRegistry": "registry.example.com"}}) == rendered()
