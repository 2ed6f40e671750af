"""`make deploy` installs what config/ holds, with the image that is named."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# Stands for kubectl: it builds nothing, and shows what it is given to apply.
KUBECTL = """#!/bin/sh
case "$1" in
kustomize) cat "$2"/../manager/deployment.yaml "$2"/../ratelimit/deployment.yaml ;;
apply) echo "$@"; cat ;;
esac
"""
DIGEST = f"registry.example.com:5000/kuadrant-operator@sha256:{'0123456789abcdef' * 4}"


@pytest.mark.parametrize(
    ("words", "image"),
    [
        ((), "kuadrant-operator:latest"),
        (("IMG=registry.example.com/kuadrant-operator:v1",), "registry.example.com/kuadrant-operator:v1"),
        ((f"IMG={DIGEST}",), DIGEST),
    ],
    ids=["as built", "tag", "digest"],
)
def test_the_image_is_the_one_that_is_named(tmp_path: Path, words: tuple[str, ...], image: str) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    done = subprocess.run(
        ["make", "--silent", "deploy", f"KUBECTL={kubectl}", *words],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "apply --server-side" in done.stdout
    assert re.findall(r"^ *image: (.*)$", done.stdout, re.MULTILINE) == [image] * 2
