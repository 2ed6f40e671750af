"""Which names a file of a release can have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.bundle.contents import SUMS, sums_text
from kuadrant.bundle.file_names import name_problem, names_problem


@pytest.mark.parametrize(
    "name", ["SHA256SUMS", "image/kuadrant-operator-1.2.3.tar", "modules/a@v0.6.0-12ab.wasm", "a_b/__c.py"]
)
def test_names_of_a_release(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("/etc/passwd", "is an absolute path"),
        ("../a", "leads out of its folder"),
        ("a/../b", "leads out of its folder"),
        ("./a", "leads out of its folder"),
        ("a//b", "has characters that no name of ours has"),
        ("a/", "has characters that no name of ours has"),
        ("", "has characters that no name of ours has"),
        ("a\nb", "has characters that no name of ours has"),
        ("a\n", "has characters that no name of ours has"),
        ("a\0b", "has characters that no name of ours has"),
        ("a b", "has characters that no name of ours has"),
        ("a\\b", "has characters that no name of ours has"),
        ("C:\\a", "has characters that no name of ours has"),
        ("-rf", "has characters that no name of ours has"),
        (".hidden", "has characters that no name of ours has"),
        ("sbom.cdx.jsоn", "has characters that no name of ours has"),  # noqa: RUF001 - a Cyrillic o
        ("e\u0301", "has characters that no name of ours has"),
        ("a\u202eb", "has characters that no name of ours has"),
        ("x" * 201, "has characters that no name of ours has"),
        ("/".join("a" * 13), "has more than 12 parts"),
    ],
)
def test_names_that_somebody_could_take_for_others(name: str, problem: str) -> None:
    assert name_problem(name) == problem


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["a", "b/a", "b/b"], None),
        (["Sbom", "sbom"], "'sbom' and 'Sbom' differ in nothing but case"),
        (["a", "a/b"], "'a' would be a file and a folder"),
        (["A", "a/b"], "'A' would be a file and a folder"),
        (["a", "../b"], "'../b' leads out of its folder"),
    ],
)
def test_names_beside_each_other(names: list[str], problem: str | None) -> None:
    assert names_problem(names) == problem


@given(st.lists(st.text(max_size=12) | st.sampled_from(["a", "A", "a/b", "..", "b/c"]), max_size=4))
def test_names_that_are_taken_stay_in_their_folder(names: list[str]) -> None:
    if names_problem(names) is None:
        for name in names:
            assert name.isascii()
            assert name.isprintable()
            assert not name.startswith("/")
            assert ".." not in name.split("/")


def test_checksums_are_as_sha256sum_reads_them_in_the_order_of_names() -> None:
    assert sums_text({"b/c": "2" * 64, "a": "1" * 64, SUMS: "3" * 64}) == (
        f"{'1' * 64}  a\n{'2' * 64}  b/c\n".encode()
    )
