"""The steps from a bare Kubernetes to one with names and Gateway API: the same on a box and on kind."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from lab import cache, machine, programs
from lab.kubectl import Kubectl
from lab.progress import say
from lab.providers import Provider

MANIFESTS = Path(__file__).parent / "manifests"


def gateway_api() -> Path:
    """The folder with the CRDs of Gateway API, of the version that Istio is built with."""

    def build(folder: Path) -> None:
        for file in (programs.module_folder("istio", "sigs.k8s.io/gateway-api") / "config/crd/standard").glob(
            "*.yaml"
        ):
            shutil.copy(file, folder)

    return cache.entry("manifests/gateway-api", [machine.GO / "istio" / "go.mod"], build)


def names(kubectl: Kubectl) -> None:
    """Let names of Services be answered."""
    kubectl.apply([MANIFESTS / "coredns.yaml"])


def apis(kubectl: Kubectl, providers: Iterable[Provider]) -> None:
    """Have the kinds of Gateway API and of its providers."""
    kubectl.apply([gateway_api(), *(provider.crds() for provider in providers)])
    kubectl.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    say("the CRDs of Gateway API and its providers are served")
