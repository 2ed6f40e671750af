"""Decides which names the files of a release can have, each by itself and beside each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9@+._-]{0,199}", re.ASCII)
_PARTS_MAX: Final = 12


def name_problem(name: str) -> str | None:
    """Return why a file of a release cannot have this name; None if it can.

    Names are relative, with ``/`` between their parts, of few characters: one that a person, a shell or
    another file system could take for another name is none.
    """
    if name.startswith("/"):
        return "is an absolute path"
    parts = name.split("/")
    if ".." in parts or "." in parts:
        return "leads out of its folder"
    if len(parts) > _PARTS_MAX:
        return f"has more than {_PARTS_MAX} parts"
    if not all(_PART.fullmatch(part) for part in parts):
        return "has characters that no name of ours has"
    return None


def names_problem(names: Iterable[str]) -> str | None:
    """Return why files cannot be beside each other under these names; None if they can."""
    seen: dict[str, str] = {}
    for name in sorted(names):
        if (problem := name_problem(name)) is not None:
            return f"{name!r} {problem}"
        if (other := seen.setdefault(name.lower(), name)) != name:
            return f"{name!r} and {other!r} differ in nothing but case"
    for name in seen:
        folders = name.split("/")[:-1]
        for end in range(1, len(folders) + 1):
            if (folder := "/".join(folders[:end])) in seen:
                return f"{seen[folder]!r} would be a file and a folder"
    return None
