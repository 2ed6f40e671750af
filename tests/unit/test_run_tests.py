"""Which tests `make test` runs where."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scripts.run_tests import CHECKS, CLUSTER, FAST_CHECKS, MACHINE, fast, stages


@pytest.mark.parametrize(
    ("words", "on_machine", "on_cluster"),
    [
        ([], [*MACHINE, "-m", "not long"], [*CLUSTER, "-m", "not long"]),
        (["-x"], [*MACHINE, "-m", "not long", "-x"], [*CLUSTER, "-m", "not long", "-x"]),
        (["--long", "-x"], [*MACHINE, "-m", "long", "-x"], [*CLUSTER, "-m", "long", "-x"]),
        (["tests/unit/policy"], ["tests/unit/policy"], []),
        (["tests/lab/test_walk.py", "-x"], [], ["tests/lab/test_walk.py", "-x"]),
        (["tests/e2e", "tests/integration/kube"], ["tests/e2e"], ["tests/integration/kube"]),
    ],
)  # fmt: skip
def test_paths_choose_the_stages(words: list[str], on_machine: list[str], on_cluster: list[str]) -> None:
    assert [stage[1:] for stage in stages(words)] == [on_machine, on_cluster]


@pytest.mark.parametrize(
    ("words", "paths"), [([], ["tests/unit"]), (["tests/unit/policy", "-x"], ["tests/unit/policy", "-x"])]
)
def test_the_fast_lane_leaves_out_what_is_slow(words: list[str], paths: list[str]) -> None:
    assert fast(words) == ["--numprocesses=3", "-m", "not slow", *paths]


def test_every_check_of_the_fast_lane_is_one_of_all() -> None:
    assert set(FAST_CHECKS) < set(CHECKS)


def test_a_commit_runs_the_checks_of_the_fast_lane() -> None:
    text = (Path(__file__).parents[2] / ".pre-commit-config.yaml").read_text()
    entries = [hook["entry"].removeprefix(".venv/bin/") for hook in yaml.safe_load(text)["repos"][0]["hooks"]]
    for check in FAST_CHECKS:
        assert any(entry.startswith(" ".join(check[:2])) for entry in entries), check


# Each test of it passes from its second run on, but for those that are named "never".
_SOMETIMES = """
import pathlib, pytest

@pytest.mark.parametrize("name", {names})
def test_(name, request):
    seen = pathlib.Path(__file__).parent / name
    passes = seen.exists() and not name.startswith("never")
    seen.touch()
    assert passes
"""


@pytest.mark.parametrize(
    ("names", "ci", "code", "runs"),
    [
        (["a", "b", "c"], "true", 0, 2),
        (["a", "never"], "true", 1, 2),
        (["a", "b", "c", "d"], "true", 1, 1),
        (["a"], "", 1, 1),
    ],
    ids=["three that pass then", "one that fails twice", "four", "not in CI"],
)
def test_what_failed_is_run_once_more_in_ci_if_it_is_little(
    names: list[str], ci: str, code: int, runs: int, tmp_path: Path
) -> None:
    file = tmp_path / "test_sometimes.py"
    file.write_text(_SOMETIMES.format(names=json.dumps(names)))
    call = f"from scripts.run_tests import _run_tests; _run_tests(['-c', 'pyproject.toml', {str(file)!r}])"
    done = subprocess.run(
        [sys.executable, "-c", call],
        cwd=Path(__file__).parents[2],
        env={"PATH": "", "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout.count("test session starts") == runs
    assert ("failed once and passed alone, a defect to be found" in done.stdout) is (code == 0)
