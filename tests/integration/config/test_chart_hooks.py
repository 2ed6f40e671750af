"""What runs before a release goes, and what `helm test` runs: our image, with the rights it needs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.config.helm import hooks, named, rendered

VALUES = {
    "image": {"registry": "registry.example.com", "digest": f"sha256:{'0' * 64}"},
    "imagePullSecrets": [{"name": "key"}],
    "tolerations": [{"key": "edge", "operator": "Exists"}],
}


def pods(values: Any = "") -> dict[str, dict[str, Any]]:
    """The pods of hooks, by the sort of hook."""
    return {
        one["metadata"]["annotations"]["helm.sh/hook"]: one["spec"]["template"]["spec"]
        if one["kind"] == "Job"
        else one["spec"]
        for one in hooks(values)
        if one["kind"] in {"Job", "Pod"}
    }


def test_limiting_ends_before_a_release_goes_and_helm_test_is_the_doctor() -> None:
    arguments = {hook: pod["containers"][0]["args"] for hook, pod in pods().items()}
    assert arguments == {"pre-delete": ["uninstall", "--yes", "--stop-only"], "test": ["doctor"]}


def test_hooks_run_the_image_of_the_operator_where_it_may_run() -> None:
    operator = named(rendered(VALUES))["Deployment", "kuadrant-operator-controller-manager"]
    expected = operator["spec"]["template"]["spec"]
    for pod in pods(VALUES).values():
        (container,) = pod["containers"]
        assert container["image"] == expected["containers"][0]["image"]
        assert pod["imagePullSecrets"] == expected["imagePullSecrets"]
        assert pod["tolerations"] == expected["tolerations"]


def test_what_a_hook_needs_comes_before_it_and_goes_with_it() -> None:
    for one in hooks():
        annotations = one["metadata"]["annotations"]
        weight = "0" if one["kind"] in {"Job", "Pod"} else "-1"
        assert annotations["helm.sh/hook-weight"] == weight
        assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"


def test_the_doctor_may_write_nothing() -> None:
    verbs = {
        verb
        for one in hooks()
        if one["kind"] in {"Role", "ClusterRole"} and one["metadata"]["name"] == "kuadrant-doctor"
        for rule in one["rules"]
        for verb in rule["verbs"]
    }
    assert verbs == {"get", "list"}


def test_a_release_can_go_without_ending_limiting_first() -> None:
    assert [*pods("endLimitingFirst: false")] == ["test"]


@pytest.mark.parametrize("namespace", ["kuadrant-system", "limits"])
def test_hooks_are_in_the_namespace_of_the_release(namespace: str) -> None:
    found = hooks("", namespace)
    assert {one["metadata"].get("namespace") for one in found} == {namespace, None}
    subjects = [one["subjects"][0]["namespace"] for one in found if one["kind"].endswith("Binding")]
    assert set(subjects) == {namespace}
