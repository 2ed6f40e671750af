"""Compilations of YAML texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.api import documents
from kuadrant.compiler import Compilation, compile_gateways

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuadrant.api.objects import Objects


def _read(text: str) -> Objects:
    folder = documents.read([("in.yaml", text)])
    assert not folder.problems, "\n".join(map(str, folder.problems))
    return folder.objects


def _compile(text: str) -> Compilation:
    return compile_gateways(_read(text))


@pytest.fixture(scope="session")
def read_objects() -> Callable[[str], Objects]:
    return _read


@pytest.fixture(scope="session")
def compile_text() -> Callable[[str], Compilation]:
    return _compile
