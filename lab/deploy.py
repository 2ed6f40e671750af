"""Bring the operator of this checkout into a cluster: CRDs, image, and what config/default holds."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab import images
from lab.kubectl import MANAGER, Kubectl
from lab.progress import say

_CRDS = images.ROOT / "config" / "crd"
_DEFAULT = images.ROOT / "config" / "default"
_DEPLOYMENT = "deployment/kuadrant-operator-controller-manager"


def crds(kubectl: Kubectl) -> None:
    """Apply our CRDs."""
    kubectl.run(
        "apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}", "--kustomize", str(_CRDS)
    )
    say("our CRDs are applied")


def operator(kubectl: Kubectl, image: Callable[[], str]) -> None:
    """Apply config/default with the image whose name `image` gives, logging for developers, and wait until it is ready."""
    if not (_DEFAULT / "kustomization.yaml").exists():
        say("config/default is not in this checkout: no operator is deployed")
        return
    name = image()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kustomization.yaml").write_text(overlay(name, Path(folder)))
        manifests = kubectl.run("kustomize", folder)
    kubectl.run(
        "apply",
        "--server-side",
        "--force-conflicts",
        f"--field-manager={MANAGER}",
        "--filename=-",
        given=manifests,
    )
    kubectl.run("rollout", "status", _DEPLOYMENT, "--namespace=kuadrant-system", "--timeout=120s")
    say(f"the operator {name} is ready")


def overlay(image: str, folder: Path) -> str:
    """A kustomization for `folder`: config/default with this image, never pulled, and logs for developers."""
    container = "/spec/template/spec/containers/0"
    changes = [
        {"op": "replace", "path": f"{container}/image", "value": image},
        {"op": "add", "path": f"{container}/imagePullPolicy", "value": "IfNotPresent"},
        {"op": "add", "path": f"{container}/env/-", "value": {"name": "LOG_LEVEL", "value": "debug"}},
        {"op": "add", "path": f"{container}/env/-", "value": {"name": "LOG_MODE", "value": "development"}},
    ]
    # JSON is YAML; kustomize takes bases by relative paths only.
    return json.dumps(
        {
            "resources": [os.path.relpath(_DEFAULT, folder.resolve())],
            "patches": [{"target": {"kind": "Deployment"}, "patch": json.dumps(changes)}],
        }
    )
