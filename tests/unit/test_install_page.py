"""What docs/install-hardening.md has people type is there: targets, files, settings, the image's name."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "install-hardening.md").read_text()
COMMANDS = re.findall(r"^ {4,}(\S.*)$", PAGE.replace("\\\n", " "), re.MULTILINE) + re.findall(
    r"`([^`]+)`", PAGE
)


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for command in COMMANDS for target in re.findall(r"^make ([a-z-]+)", command)}
    assert "image" in named
    assert named <= targets


def test_every_file_exists() -> None:
    named = {
        path for command in COMMANDS for path in re.findall(r"(?:config|charts|bundle)/[\w./-]+", command)
    }
    assert "config/samples/kuadrant.yaml" in named
    assert [path for path in sorted(named) if not (ROOT / path.rstrip("./")).exists()] == []


def test_every_setting_of_the_chart_exists() -> None:
    values = yaml.safe_load((ROOT / "charts" / "kuadrant" / "values.yaml").read_text())
    named = {
        name for command in COMMANDS for name in re.findall(r"--set(?:-string)? '?([A-Za-z.]+)[=\[]", command)
    }
    assert {"image.registry", "image.tag"} <= named
    for name in named:
        found = values
        for part in name.split("."):
            assert part in found, name
            found = found[part]


def test_the_image_is_built_under_the_name_that_nodes_look_for() -> None:
    deployments = (
        (ROOT / "config" / name / "deployment.yaml").read_text() for name in ("manager", "ratelimit")
    )
    images = {image for text in deployments for image in re.findall(r"^ *image: (\S+)$", text, re.MULTILINE)}
    built = {name for command in COMMANDS for name in re.findall(r"^make image IMG=(\S+)", command)}
    # What has no registry is of Docker's, to a node.
    assert built == {f"docker.io/library/{image}" for image in images}


def test_the_archive_that_is_carried_is_the_one_that_is_built() -> None:
    [built] = re.findall(r"lab image (\S+)", (ROOT / "Makefile").read_text())
    assert set(re.findall(r"\S*dist/[\w.-]+\.tar", PAGE)) == {built, f"oci-archive:{built}", f"`{built}"}
