"""What is in the folder of a release beside what is delivered: checksums, and a statement about all."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SUMS: Final = "SHA256SUMS"
"""The checksum of every file but of those that follow, as ``sha256sum --check`` reads them."""
SIGNED: Final = "statement.dsse.json"
"""The signed statement about every file, `SUMS` among them."""
SIGSTORE: Final = "statement.sigstore.json"
"""The same envelope as cosign reads it."""
UNSIGNED: Final = "statement.json"
"""The statement of a release that nobody has signed."""
STATEMENTS: Final = frozenset({SIGNED, SIGSTORE, UNSIGNED})

PREDICATE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "urn:kuadrant:release:v1"
"""Tells a release from whatever else the same key has signed."""

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


def sums_text(digests: Mapping[str, str]) -> bytes:
    """Return the text of `SUMS` for all files of a release, from their digests; it does not name itself."""
    lines = (f"{digest}  {name}\n" for name, digest in sorted(digests.items()) if name != SUMS)
    return "".join(lines).encode()


def sums_digest(digests: Mapping[str, str]) -> str:
    """Return the SHA-256 that `SUMS` has for these files."""
    return hashlib.sha256(sums_text(digests)).hexdigest()
