"""Writes a page of the documentation that is made from the source, or compares it with ``--check``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_or_check(page: Path, text: str, source: str) -> None:
    """Write ``text``; with ``--check`` end with an error instead if the page is not what ``source`` says."""
    if "--check" in sys.argv[1:]:
        if page.read_text() != text:
            sys.exit(f"{page.name}: not what {source} says; run `make generate`")
        return
    page.write_text(text)
    print(page.name)
