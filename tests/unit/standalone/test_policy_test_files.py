"""Which tests there are, and which policies each of them is about."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kuadrant.standalone.policy_test_files import PolicyTestFiles
from kuadrant.standalone.translate import surroundings
from kuadrant.wasm.catalogue import current

EXAMPLES = Path(__file__).parents[3] / "examples"
FILE = "toystore.kuadrant-test.yaml"


@pytest.fixture
def files() -> PolicyTestFiles:
    return PolicyTestFiles(surroundings(current(None)))


def test_policies_that_several_files_are_about_are_compiled_once(
    files: PolicyTestFiles, tmp_path: Path
) -> None:
    folder = shutil.copytree(EXAMPLES / "toystore", tmp_path / "toystore")
    shutil.copy(folder / FILE, folder / f"other.{FILE}")

    tests, problems = files.read([tmp_path])

    assert problems == ()
    first, second = tests
    assert first.policies is second.policies
    assert first.gateway is second.gateway


def test_policies_with_mistakes_are_told_of_once(files: PolicyTestFiles, tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLES / "toystore", tmp_path / "toystore")
    shutil.copy(folder / FILE, folder / f"other.{FILE}")
    policy = folder / "ratelimitpolicy.yaml"
    policy.write_text(policy.read_text().replace("unit: second", "unit: week"))

    tests, problems = files.read([tmp_path])

    assert tests == ()
    (problem,) = problems
    assert problem.file == str(policy)


def test_each_folder_has_policies_of_its_own(files: PolicyTestFiles) -> None:
    tests, problems = files.read(sorted(EXAMPLES.glob("toystore*")))

    assert problems == ()
    assert [Path(one.file.path).parent.name for one in tests] == ["toystore", "toystore-v1"]
    assert tests[0].policies is not tests[1].policies


def test_a_folder_that_cannot_be_searched_is_a_problem(files: PolicyTestFiles, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "up").symlink_to(tmp_path)

    tests, (problem,) = files.read([tmp_path / "below"])

    assert tests == ()
    assert "cannot be searched" in problem.message
    assert "remove the link" in problem.message
