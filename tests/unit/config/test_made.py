"""charts/kuadrant and bundle/ are what is made from config/, and nothing of it is lost on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from scripts import generate_bundle, generate_chart
from scripts.generate_bundle import BUNDLE
from scripts.generate_chart import CHART

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Installation = Any


@pytest.mark.parametrize(
    ("folder", "files"),
    [(CHART, generate_chart.files), (BUNDLE, generate_bundle.files)],
    ids=["chart", "bundle"],
)
def test_what_is_checked_in_is_what_config_gives(folder: Path, files: Callable[[], dict[Path, str]]) -> None:
    assert {path: path.read_text() for path in folder.rglob("*") if path.is_file()} == files()


@pytest.fixture(scope="module")
def bundle() -> list[dict[str, Any]]:
    return [yaml.safe_load(path.read_text()) for path in sorted((BUNDLE / "manifests").iterdir())]


@pytest.fixture(scope="module")
def version(bundle: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [document for document in bundle if document["kind"] == "ClusterServiceVersion"]
    return found


def test_olm_deploys_the_same_pods(version: dict[str, Any], installation: Installation) -> None:
    deployed = {one["name"]: one["spec"] for one in version["spec"]["install"]["spec"]["deployments"]}
    assert deployed == {one["metadata"]["name"]: one["spec"] for one in installation.all("Deployment")}


def test_olm_gives_the_same_rights_to_the_same_accounts(
    version: dict[str, Any], installation: Installation
) -> None:
    given = version["spec"]["install"]["spec"]
    for field, kind in (("clusterPermissions", "ClusterRole"), ("permissions", "Role")):
        for binding in installation.all(f"{kind}Binding"):
            (account,) = [subject["name"] for subject in binding["subjects"]]
            (entry,) = [one for one in given[field] if one["serviceAccountName"] == account]
            assert entry["rules"] == installation.one(kind, binding["roleRef"]["name"])["rules"]
        assert len(given[field]) == len(installation.all(f"{kind}Binding"))


def test_the_rest_is_in_the_bundle_as_it_is_but_for_the_namespace(
    bundle: list[dict[str, Any]], installation: Installation
) -> None:
    """Also kinds that are new in config/: whoever adds one finds out here whether OLM takes it."""
    left = {(one["kind"], one["metadata"]["name"]): one for one in bundle}
    made_by_olm = {"Namespace", "ServiceAccount", "Deployment", "RoleBinding", "ClusterRoleBinding"}
    bound = {
        (one["roleRef"]["kind"], one["roleRef"]["name"])
        for one in (*installation.all("RoleBinding"), *installation.all("ClusterRoleBinding"))
    }
    for one in installation.objects:
        kind, name = one["kind"], one["metadata"]["name"]
        if kind in made_by_olm or (kind, name) in bound or kind.startswith("ValidatingAdmissionPolicy"):
            continue
        expected = {key: value for key, value in one["metadata"].items() if key != "namespace"}
        assert left.pop((kind, name)) == {**one, "metadata": expected}
    assert [kind for kind, _ in left] == ["ClusterServiceVersion"]


def test_olm_knows_every_kind_in_every_version(version: dict[str, Any], installation: Installation) -> None:
    owned = {(one["name"], one["version"]) for one in version["spec"]["customresourcedefinitions"]["owned"]}
    assert owned == {
        (one["metadata"]["name"], version["name"])
        for one in installation.all("CustomResourceDefinition")
        for version in one["spec"]["versions"]
    }


def test_the_bundle_describes_itself() -> None:
    annotations = yaml.safe_load((BUNDLE / "metadata/annotations.yaml").read_text())["annotations"]
    container = (BUNDLE / "Containerfile").read_text()
    assert all(f"LABEL {name}={value}\n" in container for name, value in annotations.items())
