"""What is in the operator's image, and what is not."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from lab import images
from tests.lab.conftest import ROOT


@pytest.fixture(scope="module")
def content() -> set[str]:
    """The places of all files in the image."""
    _, archive = images.operator()
    found: set[str] = set()
    with tarfile.open(archive) as tar:
        index = json.loads(_read(tar, "index.json"))
        manifest = json.loads(_read(tar, _place(index["manifests"][0]["digest"])))
        for layer in manifest["layers"]:
            member = tar.extractfile(_place(layer["digest"]))
            assert member is not None
            with tarfile.open(fileobj=member) as files:
                found |= {name.removeprefix("./") for name in files.getnames()}
    return found


def _place(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    assert member is not None
    return member.read()


def test_it_has_the_modules_and_the_packages_of_the_operator(content: set[str]) -> None:
    assert "opt/kuadrant/kuadrant/wasm/modules/kuadrant-wasm-shim.wasm" in content
    assert "opt/kuadrant/dependencies/grpc/__init__.py" in content


def test_it_has_nothing_that_only_standalone_mode_needs(content: set[str]) -> None:
    packages = {Path(name).parts[3] for name in content if name.startswith("opt/kuadrant/dependencies/")}
    assert not packages & {"envoy", "watchfiles", "bin"}


def test_the_image_can_be_given_a_name(tmp_path: Path) -> None:
    archive = tmp_path / "dist" / "image.tar"
    command = [sys.executable, "-m", "lab", "image", "--image=example.com/kuadrant:v1", str(archive)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{archive}: example.com/kuadrant:v1, ")
    with tarfile.open(archive) as tar:
        (manifest,) = json.loads(_read(tar, "index.json"))["manifests"]
    assert manifest["annotations"]["io.containerd.image.name"] == "example.com/kuadrant:v1"
    listed = archive.with_suffix(".packages").read_text().splitlines()
    assert {one.partition("=")[0] for one in listed} >= {"python3", "libc6", "base-files"}
