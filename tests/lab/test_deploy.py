"""What a developer's deployment changes of config/."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from lab import deploy, programs
from tests.lab.conftest import ROOT


def kustomized(folder: Path) -> list[dict[str, Any]]:
    kubectl = str(programs.path_of("kubectl"))
    printed = subprocess.run(
        [kubectl, "kustomize", folder], capture_output=True, text=True, check=True
    ).stdout
    return list(yaml.safe_load_all(printed))


def test_the_image_and_the_log_settings_are_replaced_and_nothing_else(tmp_path: Path) -> None:
    image = "localhost/kuadrant-operator:abc"
    (tmp_path / "kustomization.yaml").write_text(deploy.overlay(image, ROOT / "config", tmp_path))

    expected = kustomized(ROOT / "config" / "default")
    for document in expected:
        if document["kind"] == "Deployment":
            (container,) = document["spec"]["template"]["spec"]["containers"]
            container["image"] = image
            container["env"] += [
                {"name": "LOG_LEVEL", "value": "debug"},
                {"name": "LOG_MODE", "value": "development"},
            ]

    def order(document: dict[str, Any]) -> tuple[str, str]:
        return (document["kind"], document["metadata"]["name"])

    assert sorted(kustomized(tmp_path), key=order) == sorted(expected, key=order)
    assert any(document["kind"] == "Deployment" for document in expected)
