"""What a release says of itself: always the same of the same facts, and in the forms that others read."""

from __future__ import annotations

import json

import pytest
import yaml

from kuadrant.bundle.checks import release_of
from kuadrant.bundle.contents import PREDICATE, SUMS, sums_digest
from kuadrant.signing.statement import Statement, statement_text
from kuadrant.wasm.lock import LockedModule
from lab.programs import BuildError
from scripts import release_image
from scripts.installation import ROOT
from scripts.release import chart, notes, released_values
from scripts.release_image import DebianPackage
from scripts.release_lists import (
    PythonPackage,
    Source,
    license_of,
    materials,
    pinned,
    provenance,
    sbom,
    vex,
)

SOURCE = Source("1.2.3", "c0ffee", 1_700_000_000)
DEBIAN = {
    "amd64": (DebianPackage("libc6", "2.36-9+deb12u13", "amd64", "a" * 64, ("GPL-2", "LGPL-2.1")),),
    "arm64": (DebianPackage("libc6", "2.36-9+deb12u13", "arm64", "b" * 64, ()),),
}
MODULE = LockedModule(
    name="kuadrant-wasm-shim",
    version="0.6.0",
    file="kuadrant-wasm-shim.wasm",
    sha256="c" * 64,
    size=1,
    dialects=("kuadrant-v4",),
    source="wasm-shim/",
)
ZIG = PythonPackage("ziglang", "0.17.1", (), "MIT")
PYTHON = (PythonPackage("msgspec", "0.22.0", ("d" * 64,), "BSD-3-Clause"),)


def test_the_packages_are_those_that_are_installed_with_their_hashes_and_licences() -> None:
    text = (
        f"attrs==26.1.0 \\\n    --hash=sha256:{'1' * 64} \\\n    --hash=sha256:{'2' * 64}\n    # via x\n"
        f"elsewhere==1 ; sys_platform == 'emscripten' \\\n    --hash=sha256:{'3' * 64}\n"
    )
    assert pinned(text, {"attrs": "Name: attrs\nLicense-Expression: MIT\n\nWords"}) == (
        PythonPackage("attrs", "26.1.0", ("1" * 64, "2" * 64), "MIT"),
    )


def test_a_licence_is_the_expression_else_what_stands_in_its_place() -> None:
    assert license_of("License: MIT\nLicense-Expression: Apache-2.0 OR MIT\n") == "Apache-2.0 OR MIT"
    assert license_of("License: X\nClassifier: License :: OSI Approved :: MIT License\n") == "MIT License"
    assert license_of("License: BSD\n\nLicense-Expression: of the description\n") == "BSD"
    assert license_of("Name: x\n") == ""


def test_the_list_of_parts_is_cyclonedx_with_each_part_once() -> None:
    text = sbom(SOURCE, PYTHON, DEBIAN, [MODULE], ZIG)
    assert text == sbom(SOURCE, PYTHON, DEBIAN, [MODULE], ZIG)
    document = json.loads(text)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    parts = {one["bom-ref"]: one for one in document["components"]}
    assert list(parts) == [
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u13?arch=amd64&distro=bookworm",
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u13?arch=arm64&distro=bookworm",
        f"pkg:generic/kuadrant-wasm-shim@0.6.0?checksum=sha256:{'c' * 64}",
        "pkg:pypi/msgspec@0.22.0",
        "pkg:pypi/ziglang@0.17.1",
    ]
    assert parts["pkg:pypi/ziglang@0.17.1"]["scope"] == "excluded"
    [delivered] = document["dependencies"]
    assert delivered["dependsOn"] == [one for one in parts if "ziglang" not in one]


def test_another_part_is_another_list() -> None:
    numbers = {
        json.loads(sbom(SOURCE, python, DEBIAN, [MODULE], ZIG))["serialNumber"] for python in ((), PYTHON)
    }
    assert len(numbers) == 2


def test_how_it_was_built_is_a_statement_that_can_be_signed() -> None:
    predicate = provenance(SOURCE, {"python": "3.11"}, materials({"requirements/run.txt": "e" * 64}, DEBIAN))
    used = predicate["buildDefinition"]["resolvedDependencies"]
    assert used[0] == {"name": "source", "digest": {"gitCommit": "c0ffee"}}
    assert {one["digest"].get("sha256", "")[:1] for one in used[1:]} == {"a", "b", "e"}
    release = release_of(statement_text(Statement({SUMS: sums_digest({})}, PREDICATE, predicate)))
    assert (release.version, release.commit) == ("1.2.3", "c0ffee")


def test_weaknesses_are_told_of_this_release_in_the_form_of_openvex() -> None:
    known = [
        {"vulnerability": "CVE-1", "package": "pkg:pypi/x", "status": "fixed", "impact_statement": "Why."}
    ]
    document = json.loads(vex(SOURCE, known))
    assert document["@context"] == "https://openvex.dev/ns/v0.2.0"
    assert document["statements"] == [
        {
            "vulnerability": {"name": "CVE-1"},
            "products": [{"@id": "pkg:pypi/kuadrant@1.2.3", "subcomponents": [{"@id": "pkg:pypi/x"}]}],
            "status": "fixed",
            "impact_statement": "Why.",
        }
    ]


def test_the_notes_are_the_version_s_section_of_the_changelog() -> None:
    changelog = "# Changelog\n\n## [Unreleased]\n\nNew.\n\n## [1.2.3] - 2026-01-01\n\n### Added\n\n- Old.\n"
    assert notes(changelog, "1.2.3") == "# 1.2.3\n\n### Added\n\n- Old.\n"
    assert notes(changelog, "1.2.4") == "# 1.2.4\n\nNew.\n"


def test_the_image_of_a_chart_is_that_of_the_release() -> None:
    before = (ROOT / "charts/kuadrant/values.yaml").read_text()
    released = yaml.safe_load(released_values(before, "1.2.3"))
    assert released["image"] == {
        "registry": "",
        "repository": release_image.NAME,
        "tag": "1.2.3",
        "digest": "",
    }
    assert {**released, "image": None} == {**yaml.safe_load(before), "image": None}


def test_a_chart_without_an_image_is_not_released() -> None:
    with pytest.raises(BuildError, match="has 0 tags"):
        released_values("image: kuadrant-operator:latest\n", "1.2.3")


def test_a_chart_is_the_same_whatever_the_order_of_its_files() -> None:
    files = {"values.yaml": b"a: 1\n", "Chart.yaml": b"name: kuadrant\n", "templates/x.yaml": b""}
    packed = chart(files, SOURCE.time)
    assert packed == chart(dict(reversed(files.items())), SOURCE.time)
    assert packed != chart(files, SOURCE.time + 1)
