"""Names that are no text."""

from __future__ import annotations

import os
from pathlib import Path


def not_utf8(folder: Path, name: bytes) -> Path:
    """The path of ``name`` in ``folder``."""
    return Path(os.fsdecode(os.path.join(os.fsencode(folder), name)))  # noqa: PTH118 - a path of bytes
