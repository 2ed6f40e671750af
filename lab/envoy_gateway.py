"""Envoy Gateway as it is by default, and a gateway whose pods it makes itself.

That is kuadrant-ingressgateway in gateway-system.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from lab import cache, machine, programs
from lab.images import SEARCH, debian, envoy, layer
from lab.kubectl import Kubectl
from lab.oci import Image
from lab.progress import say

PROGRAMS = ("envoy-gateway",)

_MANIFEST = Path(__file__).parent / "manifests" / "envoy-gateway.yaml"
_MODULE = "github.com/envoyproxy/gateway"
_CRDS = "charts/gateway-helm/charts/crds/crds/generated"
_NAMESPACE = "envoy-gateway-system"
_OURS = "gateway.envoyproxy.io/owning-gateway-name=kuadrant-ingressgateway"


def images() -> Sequence[Image]:
    """The images of Envoy Gateway, which is also what ends its proxies gently, and of the proxies."""
    program = layer("envoy-gateway", {"/usr/local/bin/envoy-gateway": programs.path_of("envoy-gateway")})
    return [
        Image("localhost/envoy-gateway:lab", [debian(), program], ["envoy-gateway"], SEARCH),
        Image("localhost/envoy:lab", [debian(), envoy()], ["envoy"], SEARCH),
    ]


def crds() -> Path:
    """The folder with the CRDs of Envoy Gateway; it does with the standard ones of Gateway API."""

    def build(folder: Path) -> None:
        for file in (programs.module_folder("envoy-gateway", _MODULE) / _CRDS).glob("*.yaml"):
            shutil.copy(file, folder)

    return cache.entry("manifests/envoy-gateway", [machine.GO / "envoy-gateway" / "go.mod"], build)


def bring(kubectl: Kubectl) -> None:
    """Bring Envoy Gateway and the Gateway, whose images are there; does not wait for them."""
    kubectl.apply([_MANIFEST])


def ready(kubectl: Kubectl) -> None:
    """Wait until the gateway is programmed and its pod serves."""
    kubectl.rolled_out("envoy-gateway", _NAMESPACE, patience=240)
    say("envoy-gateway is ready")
    kubectl.met("Programmed", "gateway/kuadrant-ingressgateway", namespace="gateway-system", patience=240)
    kubectl.met("Ready", "pod", f"--selector={_OURS}", namespace=_NAMESPACE, patience=120)
    say("the Gateway kuadrant-ingressgateway is programmed")
