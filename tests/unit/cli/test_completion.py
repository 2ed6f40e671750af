"""`kuadrant completion`, in the real shells; one that is not installed is left out."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHELLS = ("bash", "zsh", "fish")
CASES = [
    ("kuadrant topol", "topology"),
    ("kuadrant wasm ins", "inspect"),
    ("kuadrant translate -o sh", "shim"),
    ("kuadrant run --rate-limit-t", "--rate-limit-timeout"),
    ("kuadrant translate some-fo", "some-folder"),
    ("kuadrant explain some-fo", "some-folder"),
]
"""What is typed, and the word that its last one becomes."""
_SECONDS = 60.0


@pytest.fixture
def script(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> Callable[[str], Path]:
    """Write what a shell is taught into the file that the help names."""
    (tmp_path / "some-folder").mkdir()

    def write(shell: str) -> Path:
        if shutil.which(shell) is None:
            # `make machine` installs it there.
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{shell} is not installed")
        code, out, err = run("completion", shell)
        assert (code, err) == (0, "")
        path = tmp_path / "_kuadrant"
        path.write_text(out)
        return path

    return write


@pytest.mark.parametrize(("typed", "word"), CASES)
def test_bash_completes(script: Callable[[str], Path], typed: str, word: str) -> None:
    program = (
        'source "$0"; words=($1); COMP_WORDS=("${words[@]}"); COMP_CWORD=$((${#words[@]} - 1));'
        '_kuadrant; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert _said("bash", script("bash"), "--norc", "-c", program, str(script("bash")), typed) == [word]


@pytest.mark.parametrize(("typed", "word"), CASES)
def test_fish_completes(script: Callable[[str], Path], typed: str, word: str) -> None:
    said = _said("fish", script("fish"), "--no-config", "-c", f"source _kuadrant; complete -C '{typed}'")
    assert [line.partition("\t")[0].rstrip("/") for line in said] == [word]


@pytest.mark.parametrize(("typed", "word"), CASES)
def test_zsh_completes(script: Callable[[str], Path], typed: str, word: str) -> None:
    begun = f"fpath=({script('zsh').parent} $fpath); autoload -Uz compinit; compinit -u -D; PS1=REA''DY:\n"
    with _Terminal("zsh", "-f", "-i", folder=script("zsh").parent) as terminal:
        terminal.type(begun)
        terminal.wait("READY:")
        terminal.type(f"{typed}\t")
        terminal.wait(f"{typed.rpartition(' ')[0]} {word}")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_program_is_one_of_the_shell(script: Callable[[str], Path], shell: str) -> None:
    subprocess.run([shell, "-n", script(shell)], check=True, timeout=_SECONDS)


def test_no_other_shell_is_taught(run: Callable[..., tuple[int, str, str]]) -> None:
    assert run("completion", "tcsh")[0] == 2


def _said(shell: str, script: Path, *arguments: str) -> list[str]:
    done = subprocess.run(
        [shell, *arguments],
        cwd=script.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=_SECONDS,
    )
    return done.stdout.splitlines()


class _Terminal:
    """A shell at a terminal, into which a person types."""

    def __init__(self, *command: str, folder: Path) -> None:
        self._seen = ""
        self._process, self._number = pty.fork()
        if not self._process:
            os.chdir(folder)
            os.execvpe(command[0], command, {**os.environ, "TERM": "dumb", "COLUMNS": "200"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._number)

    def type(self, text: str) -> None:
        os.write(self._number, text.encode())

    def wait(self, text: str) -> None:
        """Return when ``text`` is there, whatever stands before it."""
        until = time.monotonic() + _SECONDS
        while text not in self._seen.replace("\r", ""):
            assert select.select([self._number], [], [], max(0.0, until - time.monotonic()))[0], self._seen
            self._seen += os.read(self._number, 4096).decode(errors="replace")
