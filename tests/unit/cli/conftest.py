"""The command line, run within the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.cli import command_line as cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command; return exit code, standard output and standard error."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            cli.main([str(argument) for argument in arguments])
        output = capsys.readouterr()
        code = exit_.value.code
        if isinstance(code, str):
            return 1, output.out, output.err + code
        return int(code or 0), output.out, output.err

    return run
