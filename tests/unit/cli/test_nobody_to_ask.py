"""What is said where there is no rate limit service that could be asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("command", ["limits", "tap"])
@pytest.mark.parametrize("words", [(), ("--cluster", "--kubeconfig", "/nowhere")])
def test_where_nobody_can_be_asked_it_is_said(
    run: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    words: tuple[str, ...],
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    code, out, err = run(command, *words)
    assert (code, out, err.startswith("kuadrant: ")) == (1, "", True)
    code, out, err = run(command, *words, "-o", "json")
    assert (code, err, [*json.loads(out)]) == (1, "", ["error"])
