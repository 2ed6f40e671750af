"""The packaged module in a host of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from .proxy_wasm_host import Host, Program

PACKAGED = Path(__file__).parents[3] / "src" / "kuadrant" / "wasm" / "modules" / "kuadrant-wasm-shim.wasm"


@pytest.fixture(scope="session")
def program() -> Program:
    """The module, compiled once."""
    return Program(PACKAGED.read_bytes())


@pytest.fixture
def host(program: Program) -> Host:
    """A VM with one root context that has no configuration yet."""
    return Host(program)
