"""The Deployment of the rate limit service on a real API server, as the Limitador says it, and back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
import yaml

from kuadrant.api.limitador import Limitador
from kuadrant.kube.kind import Listing, StoredObject
from kuadrant.kube.store import Store
from kuadrant.operator.core import kinds
from kuadrant.operator.core.service_pods import BEFORE, NAME
from kuadrant.operator.fact_store import FactStore
from kuadrant.operator.service_pod_keeper import BUDGETS, DEPLOYMENTS, ServicePodKeeper
from tests.unit.operator.known import known

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.integration.kube.conftest import Api

CONFIG: Final = Path(__file__).parents[3] / "config" / "ratelimit"
AFFINITY: Final = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]
        }
    }
}
STORE: Final = {"redis": {"configSecretRef": {"name": "counters"}}}


class Pods:
    """A keeper at work, the Limitador that it follows, and what it made of the two objects."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._cluster = Store()
        self._cluster.add(kinds.KUADRANTS)
        self._cluster.add(kinds.LIMITADORS)
        self._cluster.receive(kinds.KUADRANTS, [Listing("1", {}, {})])
        self._version = 1
        self.facts = FactStore(known())
        self._keeper = ServicePodKeeper(api.namespace, api.client, self._cluster, self.facts, lambda: True)
        self.says({})
        self._task = asyncio.create_task(self._keeper.run())

    def says(self, spec: dict[str, Any]) -> None:
        """Have the Limitador say this, and the service that all is well."""
        self._version += 1
        version = self._version
        key = (self._api.namespace, "limitador")
        status = {
            "observedGeneration": version,
            "reads": ["packedLimits", "tracing"],
            "conditions": [{"type": "Ready", "status": "True", "observedGeneration": version}],
        }
        metadata = {"namespace": key[0], "name": key[1], "generation": version}
        document = {"metadata": metadata, "spec": spec, "status": status}
        entry = StoredObject(key, "1", str(version), msgspec.convert(document, Limitador))
        self._cluster.receive(kinds.LIMITADORS, [Listing(str(version), {key: entry}, {})])

    async def deployment(self) -> dict[str, Any]:
        answer = await self._api.send("GET", DEPLOYMENTS.path((self._api.namespace, NAME)))
        return dict(answer.json())

    async def budget(self) -> dict[str, Any]:
        return dict((await self._api.send("GET", BUDGETS.path((self._api.namespace, NAME)))).json())

    async def until(self, holds: Callable[[dict[str, Any], dict[str, Any]], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds(await self.deployment(), await self.budget()):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def installed(api: Api) -> dict[str, Any]:
    """What is installed, as the API server stores it."""
    made = {}
    for file, kind in (("deployment.yaml", DEPLOYMENTS), ("disruption_budget.yaml", BUDGETS)):
        document = yaml.safe_load((CONFIG / file).read_text())
        document["metadata"]["namespace"] = api.namespace
        made[kind.name] = (await api.send("POST", kind.collection(api.namespace), json=document)).json()[
            "spec"
        ]
    return made


@pytest.fixture
async def pods(api: Api, installed: dict[str, Any]) -> AsyncIterator[Pods]:
    del installed
    pods = Pods(api)
    yield pods
    await pods.stop()


def is_noted(there: dict[str, Any]) -> bool:
    return BEFORE in there["metadata"].get("annotations", {})


async def test_all_of_it_comes_and_goes_again_to_the_last_byte(pods: Pods, installed: dict[str, Any]) -> None:
    requirements = {"requests": {"cpu": "1000m"}, "limits": {"memory": "1024Mi"}}
    pods.says(
        {
            "replicas": 3,
            "storage": STORE,
            "affinity": AFFINITY,
            "resourceRequirements": requirements,
            "pdb": {"minAvailable": "50%"},
            "tracing": {"endpoint": "rpc://collector:4317"},
        }
    )
    await pods.until(lambda deployment, budget: is_noted(deployment) and is_noted(budget))
    spec = (await pods.deployment())["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert spec["replicas"] == 3
    assert {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector:4317"} in container["env"]
    assert spec["template"]["spec"]["affinity"] == AFFINITY
    assert container["resources"] == {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}
    assert container["volumeMounts"] == [
        {"name": "kuadrant-store", "mountPath": "/etc/kuadrant/stores/counters", "readOnly": True}
    ]
    (volume,) = spec["template"]["spec"]["volumes"]
    assert (volume["secret"]["secretName"], volume["secret"]["optional"]) == ("counters", True)
    assert (await pods.budget())["spec"]["minAvailable"] == "50%"
    assert "maxUnavailable" not in (await pods.budget())["spec"]
    assert pods.facts.value.service_pods == ()

    pods.says({})
    await pods.until(lambda deployment, budget: not is_noted(deployment) and not is_noted(budget))
    assert (await pods.deployment())["spec"] == installed["Deployment"]
    assert (await pods.budget())["spec"] == installed["PodDisruptionBudget"]


async def test_another_secret_takes_the_place_of_the_one_before(pods: Pods) -> None:
    def path(deployment: dict[str, Any]) -> list[str]:
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        return [one["mountPath"] for one in container.get("volumeMounts", ())]

    for name in ("one", "other"):
        pods.says({"storage": {"redis": {"configSecretRef": {"name": name}}}})
        wanted = [f"/etc/kuadrant/stores/{name}"]
        await pods.until(lambda deployment, _, wanted=wanted: path(deployment) == wanted)  # type: ignore[misc]
    (volume,) = (await pods.deployment())["spec"]["template"]["spec"]["volumes"]
    assert volume["secret"]["secretName"] == "other"


async def test_what_somebody_changes_meanwhile_is_put_back_and_the_rest_of_it_stays(
    pods: Pods, api: Api
) -> None:
    pods.says({"replicas": 3, "storage": STORE})
    await pods.until(lambda deployment, _: is_noted(deployment))
    patch = {"spec": {"replicas": 7, "minReadySeconds": 5}}
    headers = {"content-type": "application/merge-patch+json"}
    path = DEPLOYMENTS.path((api.namespace, NAME))
    await api.send("PATCH", path, content=msgspec.json.encode(patch), headers=headers)
    await pods.until(lambda deployment, _: deployment["spec"]["replicas"] == 3)
    assert (await pods.deployment())["spec"]["minReadySeconds"] == 5


async def test_what_the_api_server_refuses_is_told_in_its_words(pods: Pods) -> None:
    pods.says({"resourceRequirements": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}})
    async with asyncio.timeout(20):
        while not pods.facts.value.service_pods:  # noqa: ASYNC110 - the API server is another process
            await asyncio.sleep(0.02)
    ((field, words),) = pods.facts.value.service_pods
    assert field == ""
    assert words.startswith(f"the Deployment {NAME} stays as it is: ")
    assert "must be less than or equal to cpu limit" in words
    pods.says({})
    async with asyncio.timeout(20):
        while pods.facts.value.service_pods:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)


async def test_where_nothing_was_nothing_is_again(pods: Pods, api: Api) -> None:
    container = {"name": "ratelimit", "resources": None}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    headers = {"content-type": "application/strategic-merge-patch+json"}
    path = DEPLOYMENTS.path((api.namespace, NAME))
    await api.send("PATCH", path, content=msgspec.json.encode(patch), headers=headers)

    def resources(deployment: dict[str, Any]) -> Any:
        return deployment["spec"]["template"]["spec"]["containers"][0].get("resources") or {}

    pods.says({"resourceRequirements": {"requests": {"cpu": "1"}}})
    await pods.until(lambda deployment, _: resources(deployment) == {"requests": {"cpu": "1"}})
    pods.says({"resourceRequirements": {"limits": {"cpu": "1"}}})
    await pods.until(lambda deployment, _: resources(deployment) == {"limits": {"cpu": "1"}})
    pods.says({})
    await pods.until(lambda deployment, _: resources(deployment) == {} and not is_noted(deployment))
