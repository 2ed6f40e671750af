"""A real API server that has our definitions, our admission policy, and the kinds of others.

These are the kinds of Gateway API and its providers.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import yaml

from lab.envoy_gateway import crds
from lab.programs import module_folder
from tests.integration.kube.conftest import TOKEN, Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

CRD = Path(__file__).parents[3] / "config" / "crd"
GATEWAY_API = "gateway.networking.k8s.io"
PLURALS = {
    "CustomResourceDefinition": "apiextensions.k8s.io/v1/customresourcedefinitions",
    "ValidatingAdmissionPolicy": "admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}
SERVED = (
    ("networking.istio.io/v1alpha3", "envoyfilters"),
    ("extensions.istio.io/v1alpha1", "wasmplugins"),
    ("gateway.envoyproxy.io/v1alpha1", "envoyextensionpolicies"),
    ("gateway.envoyproxy.io/v1alpha1", "envoypatchpolicies"),
    (f"{GATEWAY_API}/v1", "gateways"),
    (f"{GATEWAY_API}/v1", "httproutes"),
)


class Server:
    """What a test asks of the API server."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http

    def path(self, version: str, name: str = "") -> str:
        """The path of the policies of the namespace ``default``, or of one of them."""
        return f"/apis/kuadrant.io/{version}/namespaces/default/ratelimitpolicies{name and f'/{name}'}"

    def create(
        self, version: str, spec: dict[str, Any], *, keep: bool = False, **target: Any
    ) -> httpx2.Response:
        """Create a policy for an HTTPRoute, or for what ``target`` says.

        Only as a trial unless it is to be kept.
        """
        reference = {"group": GATEWAY_API, "kind": "HTTPRoute", "name": "toystore", **target}
        document = {
            "apiVersion": f"kuadrant.io/{version}",
            "kind": "RateLimitPolicy",
            "metadata": {"name": "toystore"},
            "spec": {"targetRef": reference, **spec},
        }
        parameters = {} if keep else {"dryRun": "All"}
        return self.http.post(self.path(version), json=document, params=parameters)

    def patch(self, version: str, change: dict[str, Any], subresource: str = "") -> httpx2.Response:
        """Merge ``change`` into the policy that was kept."""
        path = f"{self.path(version, 'toystore')}{subresource and f'/{subresource}'}"
        return self.http.patch(path, json=change, headers={"content-type": "application/merge-patch+json"})

    def read(self, version: str) -> Any:
        """The policy that was kept."""
        return self.http.get(self.path(version, "toystore")).raise_for_status().json()

    def apply(self, path: str, document: dict[str, Any], *, trial: bool = False) -> httpx2.Response:
        """Apply ``document`` below the collection ``path``."""
        return self.http.patch(
            f"/apis/{path}/{document['metadata']['name']}",
            content=yaml.safe_dump(document).encode(),
            params={"fieldManager": "test", **({"dryRun": "All"} if trial else {})},
            headers={"content-type": "application/apply-patch+yaml"},
        )


def _until(condition: Any, what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        with httpx2.Client(
            base_url=cluster.url, verify=False, headers={"authorization": f"Bearer {TOKEN}"}
        ) as http:
            server = Server(http)
            istio = module_folder("istio", "istio.io/istio") / "manifests/charts/base/files/crd-all.gen.yaml"
            gateway_api = module_folder("istio", "sigs.k8s.io/gateway-api") / "config/crd/standard"
            routes = [gateway_api / f"{GATEWAY_API}_{plural}.yaml" for plural in ("gateways", "httproutes")]
            envoy_gateway = [
                crds() / f"gateway.envoyproxy.io_{plural}.yaml"
                for plural in ("envoyextensionpolicies", "envoypatchpolicies")
            ]
            ours = (*sorted((CRD / "bases").iterdir()), CRD / "admission.yaml")
            for file in (*ours, istio, *envoy_gateway, *routes):
                for document in yaml.safe_load_all(file.read_text()):
                    server.apply(PLURALS[document["kind"]], document).raise_for_status()
            _until(lambda: _is_in_force(server), "the admission policy is not in force")
            for group, plural in SERVED:
                _until(lambda: _serves(server, group, plural), f"{plural} are not served")  # noqa: B023
            yield server
    finally:
        cluster.stop()


def _is_in_force(server: Server) -> bool:
    """Whether the policy's rules are: both versions are served, and what no schema refuses is refused."""
    limits = {"limits": {"a": {"rates": [{"limit": 1, "window": "1s"}], "counters": [5]}}}
    return all(server.create(version, limits).status_code == 422 for version in ("v1beta2", "v1"))


def _serves(server: Server, group: str, plural: str) -> bool:
    return server.http.get(f"/apis/{group}/namespaces/default/{plural}").status_code == 200


@pytest.fixture
def kept(server: Server) -> Iterator[Server]:
    """The server, without any policy before and after."""
    yield server
    server.http.delete(server.path("v1", "toystore"))
