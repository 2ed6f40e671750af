"""A release has one version, wherever it stands (docs/releasing.md)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

from kuadrant import __version__

ROOT = Path(__file__).parents[2]


def test_every_place_has_the_same_version() -> None:
    bundle = ROOT / "bundle" / "manifests" / "kuadrant-operator.clusterserviceversion.yaml"
    chart = yaml.safe_load((ROOT / "charts" / "kuadrant" / "Chart.yaml").read_text())
    assert {
        "pyproject": tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"],
        "chart": chart["version"],
        "image of the chart": chart["appVersion"],
        "bundle": yaml.safe_load(bundle.read_text())["spec"]["version"],
    } == dict.fromkeys(["pyproject", "chart", "image of the chart", "bundle"], __version__)


def test_the_changelog_has_this_version_below_what_is_not_released() -> None:
    headings = re.findall(r"^## \[(.+?)\](.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == __version__
    assert all(re.fullmatch(r" - \d{4}-\d\d-\d\d", date) for _, date in headings[1:])
