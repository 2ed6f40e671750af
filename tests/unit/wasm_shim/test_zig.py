"""The tests beside the module's code, run by the compiler that builds it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SOURCES = Path(__file__).parents[3] / "wasm-shim" / "src"


def test_the_parts_that_need_no_host() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "ziglang", "test", "tests.zig"],
        cwd=SOURCES,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    named = sum(path.read_text().count('\ntest "') for path in SOURCES.rglob("*.zig"))
    assert f"All {named} tests passed." in result.stderr, "each file with a test is one of tests.zig"
