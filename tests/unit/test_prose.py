"""Lines of prose end at 110 characters, as lines of code do; tables, code and diagrams may be wider."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WIDTH = 110
PAGES = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()


@pytest.mark.parametrize("page", PAGES)
def test_no_line_of_prose_is_wider(page: str) -> None:
    text = (ROOT / page).read_text()
    wide = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > WIDTH and not line.lstrip().startswith("|") and not line.startswith("    ")
    ]
    assert wide == []
