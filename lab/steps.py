"""The steps from a bare Kubernetes to one with Gateway API, Istio and a gateway: the same on a box and on kind."""

import shutil
from pathlib import Path

from lab import cache, machine, programs
from lab.kubectl import Kubectl
from lab.progress import say

MANIFESTS = Path(__file__).parent / "manifests"
_GATEWAY = "gateway/istio-ingressgateway"


def gateway_api() -> Path:
    """The folder with the CRDs of Gateway API, of the version that Istio is built with."""

    def build(folder: Path) -> None:
        for file in (programs.module_folder("istio", "sigs.k8s.io/gateway-api") / "config/crd/standard").glob(
            "*.yaml"
        ):
            shutil.copy(file, folder)

    return cache.entry("manifests/gateway-api", [machine.GO / "istio" / "go.mod"], build)


def istio_crds() -> Path:
    """The file with the CRDs of Istio."""

    def build(folder: Path) -> None:
        crds = (
            programs.module_folder("istio", "istio.io/istio") / "manifests/charts/base/files/crd-all.gen.yaml"
        )
        shutil.copy(crds, folder / "istio.yaml")

    return cache.entry("manifests/istio", [machine.GO / "istio" / "go.mod"], build) / "istio.yaml"


def names(kubectl: Kubectl) -> None:
    """Let names of Services be answered."""
    kubectl.apply([MANIFESTS / "coredns.yaml"])


def apis(kubectl: Kubectl) -> None:
    """Have the kinds of Gateway API and Istio."""
    kubectl.apply([gateway_api(), istio_crds()])
    kubectl.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    say("the CRDs of Gateway API and Istio are served")


def istio(kubectl: Kubectl) -> None:
    """Bring istiod and the gateway istio-ingressgateway in istio-system, whose images are there; does not wait for them."""
    kubectl.apply([MANIFESTS / "istiod.yaml", MANIFESTS / "gateway.yaml"])


def ready(kubectl: Kubectl) -> None:
    """Wait until the gateway is programmed and its pod serves."""
    for deployment in ("istiod", "istio-ingressgateway"):
        kubectl.run(
            "rollout", "status", f"deployment/{deployment}", "--namespace=istio-system", "--timeout=180s"
        )
        say(f"{deployment} is ready")
    kubectl.run("wait", "--for=condition=Programmed", _GATEWAY, "--namespace=istio-system", "--timeout=60s")
    say("the Gateway istio-ingressgateway is programmed")
