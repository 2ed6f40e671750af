"""The lab's programs are built although a download breaks off now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab import programs
from lab.programs import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

BROKEN_OFF = "k8s.io/api@v0.36.0: Get zip: dial tcp 192.0.2.1:443: connect: connection refused"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], list[str]]:
    """Has the go tool fail with these words so many times; returns what it was called for."""
    monkeypatch.setattr(programs, "_PAUSE", 0.0)
    called: list[str] = []

    def use(words: str, times: int) -> list[str]:
        def once(command: Sequence[str], _folder: Path) -> str:
            called.append(command[1])
            if len(called) <= times:
                raise BuildError(words)
            return "built"

        monkeypatch.setattr(programs, "_go_once", once)
        return called

    return use


def test_a_download_that_broke_off_is_tried_again(
    failing: Callable[[str, int], list[str]], tmp_path: Path
) -> None:
    called = failing(BROKEN_OFF, 3)
    assert programs._go(["go", "build"], tmp_path) == "built"
    assert called == ["build"] * 4


def test_after_four_attempts_what_was_said_is_the_error(
    failing: Callable[[str, int], list[str]], tmp_path: Path
) -> None:
    called = failing(BROKEN_OFF, 9)
    with pytest.raises(BuildError, match="dial tcp"):
        programs._go(["go", "build"], tmp_path)
    assert called == ["build"] * 4


def test_what_does_not_compile_is_not_tried_again(
    failing: Callable[[str, int], list[str]], tmp_path: Path
) -> None:
    called = failing("main.go:7:2: undefined: x", 1)
    with pytest.raises(BuildError, match="undefined"):
        programs._go(["go", "build"], tmp_path)
    assert called == ["build"]
