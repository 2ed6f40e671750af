"""Tells what is in the folder of a release beside what is delivered: checksums, and a statement about all."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def sums_text(digests: Mapping[str, str]) -> bytes:
    """Return the text of `SUMS` for all files of a release, from their digests; it does not name itself."""
    lines = (f"{digest}  {name}\n" for name, digest in sorted(digests.items()) if name != SUMS)
    return "".join(lines).encode()


def sums_digest(digests: Mapping[str, str]) -> str:
    """Return the SHA-256 that `SUMS` has for these files."""
    return hashlib.sha256(sums_text(digests)).hexdigest()
