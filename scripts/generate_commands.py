"""Write docs/commands.md: every command with its options, or with --check compare it.

It is made from the command line's own definition, as `--help` is.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kuadrant.cli import app
from scripts.generated_page import write_or_check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE: Final = Path(__file__).parents[1] / "docs" / "commands.md"
WIDTH: Final = 110
_HEAD: Final = """\
# Commands

<!-- Made from the command line's own definition by `make generate`. -->

What `kuadrant COMMAND --help` says of each. [settings.md](settings.md) has the environment variables of those
that stay running.
"""
_FIRST: Final = "\n## kuadrant "


def page() -> str:
    """The text of the page."""
    made = app.generate_docs(output_format="markdown")
    text = made[made.index(_FIRST) :].rstrip()
    return _HEAD + "\n".join(_lines(text)) + "\n"


def _lines(text: str) -> Iterator[str]:
    is_code = False
    for line in _whole(text.splitlines()):
        if line.startswith("```"):
            is_code = not is_code
        elif is_code:
            yield f"    {line}"
        elif line.startswith("* "):
            yield from textwrap.wrap(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        elif heading := re.fullmatch(r"\*\*(.+)\*\*:", line):
            yield f"{heading[1]}:"
        else:
            yield from textwrap.wrap(line, WIDTH, break_on_hyphens=False) or [""]


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """The lines, with those that go on with an item of a list in its line."""
    item = ""
    for line in lines:
        if item and line.strip() and not line.startswith("* "):
            item = f"{item} {line.strip()}"
            continue
        if item:
            yield item
        item = line if line.startswith("* ") else ""
        if not item:
            yield line
    if item:
        yield item


if __name__ == "__main__":
    write_or_check(PAGE, page(), "the command line")
