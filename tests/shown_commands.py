"""The commands that pages show, and which of them a test runs, or why none does (shown_commands.yaml)."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("wasm-shim/*.md"),
    *ROOT.glob("examples/**/*.md"),
]
MADE_FROM_HELP: Final = ROOT / "docs" / "commands.md"
PROGRAMS: Final = frozenset(
    {
        "cosign",
        "cp",
        "ctr",
        "curl",
        "helm",
        "kuadrant",
        "kubectl",
        "make",
        "pip",
        "podman",
        "python",
        "skopeo",
    }
)
"""What a line has to begin with to be a command; all else is output, or a file."""


class Shown(NamedTuple):
    """A command of a page, without what the shell does with its output, and the words behind it."""

    page: str
    words: tuple[str, ...]
    note: str = ""

    @property
    def text(self) -> str:
        """The command as it is written."""
        return shlex.join(self.words)


def _shown(page: Path) -> Iterator[Shown]:
    text = re.sub(r"\\\n\s*", " ", page.read_text())
    for line in text.splitlines():
        if not re.match(r" {4}\S|\s{6,}\S", line) or line.lstrip().startswith(("|", "*", "-", "#")):
            continue
        plain, *rest = re.split(r"\s{2,}#|\s#\s|\s[|]{1,2}\s|\s>\s", line.strip().removeprefix("$ "))
        try:
            words = shlex.split(plain)
        except ValueError:
            continue  # no command
        while words and (words[0] in ("sudo", "lab/run") or re.fullmatch(r"[A-Z_]+=\S*", words[0])):
            del words[0]
        if words:
            first = words[0].removeprefix(".venv/bin/")
            yield Shown(str(page.relative_to(ROOT)), (first, *words[1:]), " ".join(rest).strip())


SHOWN: Final = [one for page in sorted(PAGES) if page != MADE_FROM_HELP for one in _shown(page)]
COMMANDS: Final = [one for one in SHOWN if one.words[0] in PROGRAMS and len(one.words) > 1]


class Known(NamedTuple):
    """What is known of the commands that a pattern matches: the test that runs them, or why none does."""

    page: str
    command: str
    run: str
    why: str

    def matches(self, shown: Shown) -> bool:
        """Tell whether it is about a command."""
        return (
            re.fullmatch(self.page, shown.page) is not None and re.match(self.command, shown.text) is not None
        )


@cache
def known() -> tuple[Known, ...]:
    """Return the list, of which the first entry that matches counts."""
    entries = yaml.safe_load((ROOT / "tests" / "shown_commands.yaml").read_text())
    return tuple(Known(**{"page": ".*", "run": "", "why": "", **one}) for one in entries)


@cache
def of(shown: Shown) -> Known | None:
    """Return what is known of a command; None if nothing is."""
    return next((one for one in known() if one.matches(shown)), None)


def of_test(file: str) -> list[Shown]:
    """Return the commands that a test is to run, each once by page."""
    return [*dict.fromkeys(one for one in COMMANDS if (found := of(one)) is not None and found.run == file)]
