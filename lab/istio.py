"""Istio: istiod, and the gateway istio-ingressgateway in istio-system, deployed by hand."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from lab import cache, machine, programs
from lab.images import SEARCH, debian, envoy, layer
from lab.kubectl import Kubectl
from lab.oci import Image
from lab.progress import say

PROGRAMS = ("pilot-discovery", "pilot-agent")

_MANIFESTS = Path(__file__).parent / "manifests"
_GATEWAY = "gateway/istio-ingressgateway"


def images() -> Sequence[Image]:
    """The images of istiod and of the gateway."""
    bootstrap = (
        programs.module_folder("istio", "istio.io/istio") / "tools/packaging/common/envoy_bootstrap.json"
    )
    istiod = layer("pilot-discovery", {"/pilot-discovery": programs.path_of("pilot-discovery")})
    agent = layer(
        "pilot-agent",
        {
            "/usr/local/bin/pilot-agent": programs.path_of("pilot-agent"),
            "/var/lib/istio/envoy/envoy_bootstrap_tmpl.json": bootstrap,
        },
    )
    return [
        Image("localhost/istiod:lab", [istiod], ["/pilot-discovery"]),
        Image(
            "localhost/proxy:lab",
            [debian(), envoy(), agent],
            ["/usr/local/bin/pilot-agent"],
            SEARCH,
        ),
    ]


def crds() -> Path:
    """The file with the CRDs of Istio."""

    def build(folder: Path) -> None:
        file = (
            programs.module_folder("istio", "istio.io/istio") / "manifests/charts/base/files/crd-all.gen.yaml"
        )
        shutil.copy(file, folder / "istio.yaml")

    return cache.entry("manifests/istio", [machine.GO / "istio" / "go.mod"], build) / "istio.yaml"


def bring(kubectl: Kubectl) -> None:
    """Bring istiod and the gateway, whose images are there; does not wait for them."""
    kubectl.apply([_MANIFESTS / "istiod.yaml", _MANIFESTS / "gateway.yaml"])


def ready(kubectl: Kubectl) -> None:
    """Wait until the gateway is programmed and its pod serves."""
    for deployment in ("istiod", "istio-ingressgateway"):
        kubectl.rolled_out(deployment, "istio-system", patience=240)
        say(f"{deployment} is ready")
    kubectl.met("Programmed", _GATEWAY, namespace="istio-system", patience=120)
    say("the Gateway istio-ingressgateway is programmed")
