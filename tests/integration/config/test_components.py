"""What a kustomization can add to config/default."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from kuadrant.api.kuadrant import Kuadrant
from kuadrant.api.limitador import storage_secret
from lab import programs
from scripts.installation import CONFIG

if TYPE_CHECKING:
    from pathlib import Path


def kustomized(folder: Path, component: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The objects of config/default with a component, by kind and name."""
    programs.build(["kubectl"])
    default, added = (os.path.relpath(CONFIG / name, folder) for name in ("default", component))
    (folder / "kustomization.yaml").write_text(f"resources: [{default}]\ncomponents: [{added}]\n")
    command = [str(programs.path_of("kubectl")), "kustomize", str(folder)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(printed)}


def test_with_redis_two_services_count_together_on_different_nodes(tmp_path: Path) -> None:
    spec = kustomized(tmp_path, "redis")["Deployment", "kuadrant-ratelimit"]["spec"]
    assert spec["replicas"] == 2
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"] == spec["selector"]


def test_the_sample_for_it_names_the_secret_that_the_service_may_read() -> None:
    sample = yaml.safe_load((CONFIG / "redis" / "kuadrant.yaml").read_text())
    roles = yaml.safe_load_all((CONFIG / "ratelimit" / "role.yaml").read_text())
    rules = [rule for one in roles if one["kind"] == "Role" for rule in one["rules"]]
    secret = storage_secret(sample["spec"]["limitador"]["storage"])
    assert sample["kind"] == Kuadrant.kind
    assert any(secret in rule.get("resourceNames", ()) for rule in rules if "secrets" in rule["resources"])
