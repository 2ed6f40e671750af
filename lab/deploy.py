"""Bring the operator of this checkout into a cluster: CRDs, image, and what config/ holds."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab import images
from lab.kubectl import APPLY, Kubectl
from lab.progress import say

_CONFIG = images.ROOT / "config"
_IMAGE = "kuadrant-operator"  # as config/ names it
_DEPLOYMENT = "kuadrant-operator-controller-manager"
_NAMESPACE = "kuadrant-system"


def crds(kubectl: Kubectl) -> None:
    """Apply our CRDs."""
    kubectl.run(*APPLY, "--kustomize", str(_CONFIG / "crd"))
    say("our CRDs are applied")


def operator(kubectl: Kubectl, image: Callable[[], str]) -> None:
    """Apply config/ and wait until the operator is ready.

    `image` gives the name of its image. It logs for developers.
    """
    name = image()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kustomization.yaml").write_text(overlay(name, _CONFIG, Path(folder)))
        manifests = kubectl.run("kustomize", folder)
    kubectl.run(*APPLY, "--filename=-", given=manifests)
    # The rate limit service becomes ready once a Kuadrant is created.
    kubectl.rolled_out(_DEPLOYMENT, _NAMESPACE, patience=240)
    say(f"the operator {name} is ready")


def overlay(image: str, config: Path, folder: Path) -> str:
    """A kustomization for `folder`: the whole of `config` with this image and logs for developers."""
    name, _, tag = image.rpartition(":")
    settings = {"LOG_LEVEL": "debug", "LOG_MODE": "development"}
    changes = [
        {
            "op": "add",
            "path": "/spec/template/spec/containers/0/env/-",
            "value": {"name": key, "value": value},
        }
        for key, value in settings.items()
    ]
    # JSON is YAML; kustomize takes bases by relative paths only.
    base = os.path.relpath(config / "default", folder.resolve())
    return json.dumps(
        {
            "resources": [base],
            "images": [{"name": _IMAGE, "newName": name, "newTag": tag}],
            "patches": [{"target": {"kind": "Deployment"}, "patch": json.dumps(changes)}],
        }
    )
