"""The page of what a failed check must not open names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "failed-checks.md"
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text())))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=["::".join(one) for one in NAMED])
def test_each_test_of_the_page_is_there(file: str, name: str) -> None:
    assert re.search(rf"def {name}\b", (TESTS / file).read_text())


def test_every_row_names_one() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    assert len(NAMED) > 90
    assert [row for row in rows if "::" not in row and "| what could" not in row] == []
