"""The packaged module is what the sources give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BUILD = Path(__file__).parents[3] / "wasm-shim" / "build.py"


def test_the_sources_give_the_packaged_bytes() -> None:
    result = subprocess.run(
        [sys.executable, str(BUILD), "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
