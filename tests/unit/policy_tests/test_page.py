"""docs/policy-tests.md has every field, and what it and the README show is right."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import msgspec
import pytest

from kuadrant.policy_tests import LoadedPolicies, Results, simulate_file
from kuadrant.policy_tests.file_format import AskedRequest, Case, Expectation, PolicyTests, Step
from kuadrant.policy_tests.reports import report
from kuadrant.standalone.folder_files import read
from tests.unit.policy_tests.examples import gateway, loaded, read_tests

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "policy-tests.md"


@pytest.fixture(scope="module")
def toystore() -> LoadedPolicies:
    return loaded(*(file.text for file in read(ROOT / "examples" / "toystore")))


@pytest.mark.parametrize("struct", [PolicyTests, Case, Step, AskedRequest, Expectation])
def test_each_field_is_in_a_table_of_the_page(struct: type[msgspec.Struct]) -> None:
    rows = re.findall(r"^\| `([\w.\[\]]+)` \|", PAGE.read_text(), re.MULTILINE)
    described = {name.rpartition(".")[2] for name in rows}
    fields = {field.encode_name for field in msgspec.structs.fields(struct)}
    assert fields - described == set()


@pytest.mark.parametrize("page", [PAGE, ROOT / "README.md"], ids=lambda page: page.name)
def test_the_example_of_a_page_is_right(page: Path, toystore: LoadedPolicies) -> None:
    file = read_tests(_example(page))
    (case,) = simulate_file(file, gateway(toystore, file)).cases
    assert (case.requests, case.misses) == (9, ())


def test_what_the_page_shows_of_a_miss_is_what_is_printed(toystore: LoadedPolicies) -> None:
    block = r"^    toystore\.kuadrant.*\n(?:^    .*\n|\n)+?^    1 test:.*\n"
    shown = re.search(block, PAGE.read_text(), re.MULTILINE)
    assert shown is not None
    file = read_tests(_example(PAGE).replace("200x5", "200x4"), "toystore.kuadrant-test.yaml")
    found = Results(files=(simulate_file(file, gateway(toystore, file)),))
    assert report(found, "text") == textwrap.dedent(shown[0])


def _example(page: Path) -> str:
    block = re.search(r"(?:^    policies:.*\n)?^    tests:\n(?:^    .*\n)+", page.read_text(), re.MULTILINE)
    assert block is not None
    return textwrap.dedent(block[0])
