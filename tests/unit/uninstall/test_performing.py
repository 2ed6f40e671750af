"""What is looked for in a cluster, and what is asked of the API server to take it away."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from kuadrant.api.kuadrant import FINALIZER
from kuadrant.gateways import istio
from kuadrant.kube.client import RequestError
from kuadrant.status.affected_condition import TYPE
from kuadrant.uninstall.looking import look
from kuadrant.uninstall.performing import StuckError, uninstall
from kuadrant.uninstall.planned import Step, Wish
from tests.unit.uninstall.cluster import ApiServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NS = "kuadrant-system"
OPERATOR = f"/apis/apps/v1/namespaces/{NS}/deployments/kuadrant-operator-controller-manager"
KUADRANT = f"/apis/kuadrant.io/v1beta1/namespaces/{NS}/kuadrants/kuadrant"
PLUGIN = "/apis/extensions.istio.io/v1alpha1/namespaces/gw/wasmplugins/kuadrant-gw"
CLUSTER = f"/apis/networking.istio.io/v1alpha3/namespaces/gw/envoyfilters/{istio.envoy_filter_name('gw')}"
MONITOR = "/apis/monitoring.coreos.com/v1/namespaces/gw/podmonitors/istio-pod-monitor"
GATEWAY = "/apis/gateway.networking.k8s.io/v1/namespaces/gw/gateways/gw"
KIND = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/kuadrants.kuadrant.io"
LIMITADORS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/limitadors.limitador.kuadrant.io"
OF_GATEWAY = {
    "ownerReferences": [
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "name": "gw", "controller": True}
    ]
}
LABELS = {"labels": {"app": "kuadrant"}}


def installed() -> ApiServer:
    """An installation whose operator does not run, and a gateway that limits."""
    api = ApiServer()
    container = {"name": "manager", "args": ["operator"]}
    api.put(OPERATOR, spec={"template": {"spec": {"containers": [container]}}}, metadata=LABELS)
    api.put(KUADRANT, metadata={"finalizers": [FINALIZER, "somebody.else/x"]})
    api.put(PLUGIN, kind="WasmPlugin", metadata=OF_GATEWAY)
    api.put(CLUSTER, kind="EnvoyFilter", metadata=OF_GATEWAY)
    api.put(MONITOR, metadata={"labels": {"kuadrant.io/managed": "true"}})
    theirs = {"type": "Accepted", "status": "True"}
    ours = {
        "type": TYPE,
        "status": "True",
        "reason": "Accepted",
        "message": "by a/b",
        "observedGeneration": 1,
    }
    api.put(GATEWAY, kind="Gateway", status={"conditions": [theirs, ours]})
    api.put(KIND, spec={"group": "kuadrant.io"})
    api.put(LIMITADORS, spec={"group": "limitador.kuadrant.io"})
    api.put(f"/api/v1/namespaces/{NS}", metadata=LABELS)
    return api


@asynccontextmanager
async def asked(api: ApiServer) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.MockTransport(api.answer)
    async with httpx2.AsyncClient(transport=transport, base_url="http://api.example") as client:
        yield client


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)


async def test_what_is_there_is_seen() -> None:
    async with asked(installed()) as client:
        seen = await look(client, NS)

    assert [str(one) for one in seen.told] == [
        "WasmPlugin gw/kuadrant-gw",
        "PodMonitor gw/istio-pod-monitor",
        f"EnvoyFilter gw/{istio.envoy_filter_name('gw')}",
    ]
    assert [one.seconds for one in seen.told] == [0.0, 0.0, istio.LINGER]
    assert [str(one) for one in seen.affected] == ["Gateway gw/gw"]
    assert [str(one) for one in seen.namespace] == [f"Namespace {NS}"]
    assert not seen.works
    # The limitador-operator's definition is not ours.
    assert [one.name for one in seen.definitions] == ["kuadrants.kuadrant.io"]
    assert seen.foreign == ()


async def test_without_an_operator_all_of_it_is_done_in_order() -> None:
    api = installed()
    api.objects[KUADRANT]["metadata"]["finalizers"].pop()
    steps: list[Step] = []
    async with asked(api) as client:
        left = await uninstall(client, NS, Wish(), 1.0, steps.append)

    assert left.steps == ()
    assert set(api.objects) == {GATEWAY, LIMITADORS}
    assert api.objects[GATEWAY]["status"]["conditions"] == [{"type": "Accepted", "status": "True"}]
    assert api.log == [
        "DELETE kuadrant",
        "DELETE kuadrant-gw",
        "DELETE istio-pod-monitor",
        f"DELETE {istio.envoy_filter_name('gw')}",
        "PATCH status",
        "PATCH kuadrant",
        "DELETE kuadrant-operator-controller-manager",
        "DELETE kuadrants.kuadrant.io",
        f"DELETE {NS}",
    ]
    assert steps[0].words == "end limiting: delete the Kuadrant"


async def test_finalizers_of_others_stay() -> None:
    api = installed()
    async with asked(api) as client:
        with pytest.raises(StuckError, match="let the Kuadrant go"):
            await uninstall(client, NS, Wish(), 0.05, lambda _: None)
    assert api.objects[KUADRANT]["metadata"]["finalizers"] == ["somebody.else/x"]


async def test_what_is_refused_is_said() -> None:
    api = installed()
    api.refused.add(PLUGIN)
    async with asked(api) as client:
        with pytest.raises(RequestError, match="403 you may not"):
            await uninstall(client, NS, Wish(), 1.0, lambda _: None)
    assert OPERATOR in api.objects


async def test_an_operator_that_does_not_end_limiting_is_given_up() -> None:
    api = installed()
    api.objects[OPERATOR]["status"] = {"readyReplicas": 1}
    async with asked(api) as client:
        with pytest.raises(StuckError, match="--without-operator"):
            await uninstall(client, NS, Wish(), 0.05, lambda _: None)
    assert PLUGIN in api.objects


@pytest.mark.parametrize(
    ("path", "document", "named"),
    [
        (
            KIND.replace("kuadrants", "authpolicies"),
            {"spec": {"group": "kuadrant.io"}},
            "authpolicies.kuadrant.io",
        ),
        (
            OPERATOR,
            {"spec": {"template": {"spec": {"containers": [{"args": ["--leader-elect"]}]}}}},
            "Deployment kuadrant-operator-controller-manager",
        ),
    ],
    ids=["its kinds", "its operator"],
)
async def test_kuadrants_own_operator_is_known(path: str, document: dict[str, Any], named: str) -> None:
    api = installed()
    api.put(path, **document)
    async with asked(api) as client:
        seen = await look(client, NS)
    assert seen.foreign == (named,)


async def test_what_helm_has_installed_is_known() -> None:
    api = installed()
    api.objects[OPERATOR]["metadata"]["annotations"] = {"meta.helm.sh/release-name": "limits"}
    async with asked(api) as client:
        assert (await look(client, NS)).release == "limits"
