"""The pods of the rate limit service are as its Limitador says, or it is said why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

from kuadrant.api.deployment import Deployment, DeploymentStatus, DisruptionBudget
from kuadrant.api.limitador import Limitador
from kuadrant.operator.core.service_pods import BEFORE, ServicePods, service_pods

FOLDER: Final = Path(__file__).parents[4] / "config" / "ratelimit"
STORE: Final = {"redis": {"configSecretRef": {"name": "redis-config"}}}
OTHER_STORE: Final = {"redis": {"configSecretRef": {"name": "counters"}}}
LARGE: Final = {"limits": {"memory": "1Gi"}}


def installed(file: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / file).read_text())
    return found


def deployment(before: str = "", *, container: dict[str, Any] | None = None, **spec: Any) -> Deployment:
    document = installed("deployment.yaml")
    document["spec"] |= spec
    document["metadata"]["annotations"] = {BEFORE: before} if before else {}
    document["spec"]["template"]["spec"]["containers"][0] |= container or {}
    return msgspec.convert(document, Deployment)


def budget(before: str = "", **spec: Any) -> DisruptionBudget:
    document = installed("disruption_budget.yaml")
    document["metadata"]["annotations"] = {BEFORE: before} if before else {}
    document["spec"] = spec or document["spec"]
    return msgspec.convert(document, DisruptionBudget)


def limitador(
    spec: dict[str, Any], *, ready: bool = True, reads: tuple[str, ...] = ("packedLimits",)
) -> Limitador:
    status = {
        "observedGeneration": 1,
        "reads": reads,
        "conditions": [{"type": "Ready", "status": "True" if ready else "False", "observedGeneration": 1}],
    }
    metadata = {"namespace": "kuadrant-system", "name": "limitador", "generation": 1}
    return msgspec.convert({"metadata": metadata, "spec": spec, "status": status}, Limitador)


def wanted(spec: dict[str, Any], *, ready: bool = True, there: Deployment | None = None) -> ServicePods:
    return service_pods(limitador(spec, ready=ready), there or deployment(), budget())


def note(patch: dict[str, Any] | None) -> Any:
    assert patch is not None
    return json.loads(patch["metadata"]["annotations"][BEFORE])


def test_as_installed_nothing_is_changed() -> None:
    assert wanted({}) == ServicePods()


def test_more_pods_count_in_a_store_and_what_was_there_is_kept() -> None:
    found = wanted({"replicas": 3, "storage": STORE})
    assert found.said == ()
    assert found.deployment == {
        "metadata": {"annotations": {BEFORE: '{"replicas":1}'}},
        "spec": {"replicas": 3},
    }


def test_without_a_store_there_are_no_more_pods_since_each_would_count_by_itself() -> None:
    found = wanted({"replicas": 3})
    assert found.deployment is None
    words = "without a store each pod counts by itself, and 3 would let 3 times as much through"
    assert found.said == (("replicas", f"{words}: name one in storage"),)


def test_a_store_that_goes_takes_the_other_pods_with_it() -> None:
    found = wanted({"replicas": 3}, there=deployment('{"replicas":1}', replicas=3))
    assert found.deployment == {"metadata": {"annotations": {BEFORE: None}}, "spec": {"replicas": 1}}


def test_there_are_no_more_pods_before_the_service_has_its_store() -> None:
    assert wanted({"replicas": 3, "storage": STORE}, ready=False) == ServicePods()


def test_a_moment_in_which_the_service_is_not_ready_takes_no_pods_away() -> None:
    there = deployment('{"replicas":1}', replicas=3)
    assert wanted({"replicas": 3, "storage": STORE}, ready=False, there=there) == ServicePods()


def test_nobody_is_left_without_a_pod() -> None:
    found = wanted({"replicas": 0})
    assert found.deployment is None
    assert [field for field, _ in found.said] == ["replicas"]


def test_resources_take_the_place_of_the_whole() -> None:
    found = wanted({"resourceRequirements": LARGE})
    (container,) = found.deployment["spec"]["template"]["spec"]["containers"]  # type: ignore[index]
    assert container == {"name": "ratelimit", "resources": {"$patch": "replace", **LARGE}}
    assert note(found.deployment) == {
        "resources": {"requests": {"cpu": "200m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}
    }


@pytest.mark.parametrize(
    ("memory", "environment", "is_enough"),
    [
        ("64Mi", None, False),
        ("459Mi", None, False),
        ("460Mi", None, True),
        ("482344960", None, True),
        ("400Mi", "100", True),
        ("512Mi", "1000", False),
    ],
)
def test_a_pod_gets_the_memory_that_it_may_need(
    memory: str, environment: str | None, *, is_enough: bool
) -> None:
    env = [] if environment is None else [{"name": "RATELIMIT_COUNTER_MEMORY", "value": environment}]
    found = wanted(
        {"resourceRequirements": {"limits": {"memory": memory}}}, there=deployment(container={"env": env})
    )
    assert (found.deployment is not None) == is_enough
    assert [field for field, _ in found.said] == ([] if is_enough else ["resourceRequirements"])


def test_what_the_api_server_writes_otherwise_is_the_same() -> None:
    stored = {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}
    before = json.dumps({"resources": {}})
    there = deployment(before, container={"resources": stored})
    asked = {"requests": {"cpu": "1000m"}, "limits": {"memory": "1024Mi"}, "claims": []}
    assert wanted({"resourceRequirements": asked}, there=there) == ServicePods()


def test_affinity_comes_and_goes() -> None:
    affinity: dict[str, Any] = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    found = wanted({"affinity": affinity})
    assert found.deployment is not None
    assert note(found.deployment) == {"affinity": None}

    there = deployment('{"affinity":null}')
    pod = msgspec.structs.replace(there.spec.template.spec, affinity={"nodeAffinity": {"a": "b"}})
    spec = msgspec.structs.replace(
        there.spec, template=msgspec.structs.replace(there.spec.template, spec=pod)
    )
    gone = wanted({}, there=msgspec.structs.replace(there, spec=spec))
    assert gone.deployment == {
        "metadata": {"annotations": {BEFORE: None}},
        "spec": {"template": {"spec": {"affinity": None}}},
    }


def test_the_secret_of_a_store_of_another_name_is_given_to_the_pods() -> None:
    found = wanted({"storage": OTHER_STORE})
    pod = found.deployment["spec"]["template"]["spec"]  # type: ignore[index]
    assert pod == {
        "volumes": [{"name": "kuadrant-store", "secret": {"secretName": "counters", "optional": True}}],
        "containers": [
            {
                "name": "ratelimit",
                "volumeMounts": [
                    {
                        "name": "kuadrant-store",
                        "mountPath": "/etc/kuadrant/stores/counters",
                        "readOnly": True,
                    }
                ],
            }
        ],
    }


def test_and_taken_back_where_the_service_may_read_it_by_itself() -> None:
    path = "/etc/kuadrant/stores/counters"
    mounts = [{"name": "kuadrant-store", "mountPath": path}]
    there = deployment('{"store":null}', container={"volumeMounts": mounts})
    pod = wanted({"storage": STORE}, there=there).deployment["spec"]["template"]["spec"]  # type: ignore[index]
    assert pod == {
        "volumes": [{"name": "kuadrant-store", "$patch": "delete"}],
        "containers": [{"name": "ratelimit", "volumeMounts": [{"$patch": "delete", "mountPath": path}]}],
    }


@pytest.mark.parametrize("name", ["../kuadrant-push-server", "a/b", "A", "-a"])
def test_what_no_secret_is_called_is_no_folder(name: str) -> None:
    assert wanted({"storage": {"redis": {"configSecretRef": {"name": name}}}}) == ServicePods()


def test_a_disruption_budget_has_one_of_the_two() -> None:
    found = wanted({"pdb": {"minAvailable": "50%"}})
    assert found.budget == {
        "metadata": {"annotations": {BEFORE: '{"pods":{"maxUnavailable":1}}'}},
        "spec": {"maxUnavailable": None, "minAvailable": "50%"},
    }
    back = service_pods(
        limitador({}), deployment(), budget('{"pods":{"maxUnavailable":1}}', minAvailable="50%")
    )
    assert back.budget == {
        "metadata": {"annotations": {BEFORE: None}},
        "spec": {"maxUnavailable": 1, "minAvailable": None},
    }
    both = wanted({"pdb": {"minAvailable": 1, "maxUnavailable": 1}})
    assert both == ServicePods(said=(("pdb", "only one of maxUnavailable and minAvailable can be set"),))


@pytest.mark.parametrize(
    "spec",
    [
        {"replicas": "many"},
        {"replicas": True},
        {"replicas": -1},
        {"affinity": 1},
        {"resourceRequirements": []},
    ],
)
def test_what_is_no_value_of_a_field_is_said(spec: dict[str, Any]) -> None:
    found = wanted(spec)
    assert found.deployment is None
    assert [field for field, _ in found.said] == [*spec]


def test_what_is_not_there_cannot_be_changed() -> None:
    spec = {
        "replicas": 1,
        "resourceRequirements": LARGE,
        "pdb": {"maxUnavailable": 1},
        "storage": OTHER_STORE,
    }
    found = service_pods(limitador(spec), None, None)
    assert {field for field, _ in found.said} == {"replicas", "resourceRequirements", "pdb", "storage"}
    assert (found.deployment, found.budget) == (None, None)


def test_pods_that_do_not_get_ready_are_told_of_in_the_words_of_the_deployment() -> None:
    conditions = [{"type": "Progressing", "status": "False", "message": "timed out progressing"}]
    status = msgspec.convert({"conditions": conditions}, DeploymentStatus)
    stuck = msgspec.structs.replace(deployment(), status=status)
    found = service_pods(limitador({"resourceRequirements": LARGE}), stuck, budget())
    assert found.said == (
        ("", "the Deployment kuadrant-ratelimit does not get there: timed out progressing"),
    )


def test_nothing_is_done_where_another_program_serves() -> None:
    spec = {"replicas": 3, "storage": OTHER_STORE}
    assert service_pods(limitador(spec, reads=()), deployment(), budget()) == ServicePods()


def test_without_a_limitador_what_was_there_is_put_back() -> None:
    found = service_pods(None, deployment('{"replicas":2}', replicas=5), budget())
    assert found.deployment == {"metadata": {"annotations": {BEFORE: None}}, "spec": {"replicas": 2}}


@pytest.mark.parametrize("text", ["nothing", "[]", '{"volumes":1}'])
def test_an_annotation_that_somebody_spoiled_changes_nothing(text: str) -> None:
    assert service_pods(None, deployment(text, replicas=5), budget()).deployment in (
        None,
        {"metadata": {"annotations": {BEFORE: None}}},
    )


TRACED: Final = ("packedLimits", "tracing")


@pytest.mark.parametrize(
    ("endpoint", "variable"),
    [
        ("rpc://collector.traces:4317", "http://collector.traces:4317"),
        ("grpc://collector:4317", "http://collector:4317"),
        ("http://collector:4317/", "http://collector:4317"),
        ("https://collector:4317", "https://collector:4317"),
    ],
)
def test_traces_go_where_the_limitador_says(endpoint: str, variable: str) -> None:
    asks = limitador({"tracing": {"endpoint": endpoint}}, reads=TRACED)
    found = service_pods(asks, deployment(), budget())
    (container,) = found.deployment["spec"]["template"]["spec"]["containers"]  # type: ignore[index]
    assert container["env"] == [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": variable}]
    assert note(found.deployment) == {"tracing": None}

    env = [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": variable}]
    there = deployment('{"tracing":null}', container={"env": env})
    assert service_pods(asks, there, budget()) == ServicePods()
    gone = service_pods(limitador({}), there, budget()).deployment
    (container,) = gone["spec"]["template"]["spec"]["containers"]  # type: ignore[index]
    assert container["env"] == [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "$patch": "delete"}]


@pytest.mark.parametrize(
    "tracing", [{"endpoint": "collector"}, {"endpoint": "ftp://a"}, {"endpoint": 1}, {}, 1]
)
def test_what_is_no_address_of_a_collector_is_said(tracing: Any) -> None:
    found = service_pods(limitador({"tracing": tracing}, reads=TRACED), deployment(), budget())
    assert found.deployment is None
    assert [field for field, _ in found.said] == ["tracing"]


def test_a_service_that_cannot_send_traces_is_told_of_no_collector() -> None:
    assert wanted({"tracing": {"endpoint": "http://collector:4317"}}) == ServicePods()
