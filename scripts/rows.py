"""Tells which of Kuadrant's behaviours (``tests/rows.yaml``) have a test, and which are out of scope.

Exit 1 if one is neither.

With ``--check`` only what is wrong is printed, and a summary.
"""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "tests" / "rows.yaml"
SUITES = ("tests/unit", "tests/e2e", "tests/integration", "tests/lab")


class _Collector:
    """Keeps the rows of every test that pytest finds, and runs none."""

    def __init__(self) -> None:
        self.tests: dict[int | str, list[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("row"):
                self.tests.setdefault(mark.args[0], []).append(item.nodeid)


def collected() -> dict[int | str, list[str]]:
    """The tests of each row, by the marks of all suites."""
    collector, output = _Collector(), io.StringIO()
    with contextlib.redirect_stdout(output):
        status = pytest.main(
            ["--collect-only", "--quiet", "--rootdir", str(ROOT), *(str(ROOT / suite) for suite in SUITES)],
            plugins=[collector],
        )
    if status:
        _, _, errors = output.getvalue().partition("\n=")
        sys.exit(f"the tests cannot be collected:\n={errors}")
    return collector.tests


def problems(rows: dict[int | str, Any], tests: dict[int | str, list[str]]) -> list[str]:
    """Return what is wrong, a line each."""
    found = [
        f"row {row} has neither a test nor a reason: {rows[row]}"
        for row in rows
        if not _known(row, rows, tests)
    ]
    found += (
        f"row {row} of {tests[row][0]} is not in {ROWS.name}"
        for row in sorted(tests.keys() - rows.keys(), key=str)
    )
    found += (
        f"row {row} is out of scope, but {tests[row][0]} has it"
        for row in sorted(tests.keys() & rows.keys(), key=str)
        if isinstance(rows[row], dict)
    )
    return found


def _known(row: int | str, rows: dict[int | str, Any], tests: dict[int | str, list[str]]) -> bool:
    return row in tests or isinstance(rows[row], dict)


def main() -> None:
    """Print the rows, or with ``--check`` what is wrong with them."""
    sys.path.insert(0, str(ROOT))  # the lab's tests import the lab
    rows: dict[int | str, Any] = yaml.safe_load(ROWS.read_text())
    tests = collected()
    if "--check" not in sys.argv[1:]:
        for row, said in rows.items():
            of_row = tests.get(row, [])
            title, out = (
                (said["title"], f"out of scope: {said['out']}") if isinstance(said, dict) else (said, "OPEN")
            )
            more = f" and {len(of_row) - 1} more" if len(of_row) > 1 else ""
            print(f"{row!s:>4}  {title}\n      {of_row[0] + more if of_row else out}")
    wrong = problems(rows, tests)
    outside = sum(isinstance(said, dict) for said in rows.values())
    opened = sum(not _known(row, rows, tests) for row in rows)
    print(
        f"{len(rows)} rows: {len(rows) - outside - opened} with a test, {outside} out of scope, {opened} open"
    )
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
