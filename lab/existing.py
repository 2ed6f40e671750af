"""CLUSTER=existing: our operator on the cluster of the current kubeconfig.

That brings its own provider and gateway.
"""

import os
import shutil

from lab import deploy
from lab.kubectl import Kubectl
from lab.progress import say

_GATEWAY_API = "gateways.gateway.networking.k8s.io"
_PROVIDERS = ("wasmplugins.extensions.istio.io", "envoyextensionpolicies.gateway.envoyproxy.io")


class ExistingError(Exception):
    """The cluster lacks something; the message says what and how to get it."""


def setup() -> None:
    """Have our CRDs and our operator on the current cluster.

    Raises:
        ExistingError: there is no kubectl, no cluster behind it, no Gateway API, no provider of it, or no
            name of an image.
    """
    if not shutil.which("kubectl"):
        raise ExistingError("CLUSTER=existing needs kubectl: https://kubernetes.io/docs/tasks/tools/")
    kubectl = Kubectl(lambda *words: list(words))
    kubectl.run("get", "--raw", "/readyz")
    lacking = []
    if not kubectl.can("get", "crd", _GATEWAY_API):
        lacking.append("Gateway API: https://gateway-api.sigs.k8s.io/guides/#installing-gateway-api")
    if not any(kubectl.can("get", "crd", crd) for crd in _PROVIDERS):
        lacking.append("Istio: https://istio.io/latest/docs/setup/")
        lacking.append("or Envoy Gateway: https://gateway.envoyproxy.io/docs/install/")
    if lacking:
        raise ExistingError("\n  ".join(["The cluster lacks:", *lacking]))
    deploy.crds(kubectl)
    operator()


def operator() -> None:
    """Deploy the operator image IMG with what config/ holds.

    Raises:
        ExistingError: IMG is not set.
    """
    deploy.operator(Kubectl(lambda *words: list(words)), _image)


def cleanup() -> None:
    """Nothing: whose cluster it is decides what leaves it."""
    say("CLUSTER=existing: nothing is removed; kubectl delete --kustomize config/default does it")


def _image() -> str:
    """The image that the person has pushed to where the cluster pulls from."""
    name = os.environ.get("IMG")
    if not name:
        raise ExistingError(
            "CLUSTER=existing needs IMG, the name of an operator image that the cluster can pull"
        )
    return name
