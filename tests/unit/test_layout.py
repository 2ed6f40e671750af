"""What tests share is in modules of its own, so that each test file can be moved, split or removed."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_no_test_imports_from_another_test_file() -> None:
    found = {
        str(file.relative_to(TESTS)): names
        for file in sorted(TESTS.rglob("*.py"))
        if (
            names := re.findall(
                r"^\s*from (tests[\w.]*\.test_\w+|\.test_\w+) import", file.read_text(), re.MULTILINE
            )
        )
    }
    assert found == {}
