"""Which tests `make test` runs where."""

from __future__ import annotations

import pytest

from scripts.run_tests import stages


@pytest.mark.parametrize(
    ("words", "on_machine", "on_cluster"),
    [
        ([], ["tests/unit", "tests/e2e"], ["tests/integration", "tests/lab"]),
        (["-k", "fuzz"], ["tests/unit", "tests/e2e", "-k", "fuzz"], ["tests/integration", "tests/lab", "-k", "fuzz"]),
        (["tests/unit/policy"], ["tests/unit/policy"], []),
        (["tests/lab/test_walk.py", "-x"], [], ["tests/lab/test_walk.py", "-x"]),
        (["tests/e2e", "tests/integration/kube"], ["tests/e2e"], ["tests/integration/kube"]),
    ],
)  # fmt: skip
def test_paths_choose_the_stages(words: list[str], on_machine: list[str], on_cluster: list[str]) -> None:
    assert [stage[1:] for stage in stages(words)] == [on_machine, on_cluster]
