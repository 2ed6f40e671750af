"""A folder of fetched modules, of which one is chosen."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from kuadrant.wasm import embedded, lock
from kuadrant.wasm.catalogue import CHOSEN

if TYPE_CHECKING:
    from pathlib import Path


class Modules:
    """``folder``, with two modules, of which the first is chosen.

    Ours, as bytes that nobody has ever seen.
    """

    def __init__(self, folder: Path, dialect: str = "kuadrant-v3") -> None:
        self.folder = folder
        folder.mkdir()
        folder.chmod(0o755)
        # A section that means nothing, with a name of one letter.
        self.data = [embedded()[0].data + b"\0\x0a\1x" + os.urandom(8) for _ in range(2)]
        (folder / lock.NAME).write_text("")
        for number, data in enumerate(self.data):
            self.add(f"v{number}", data, dialect)
        self.choose(self.data[0])

    @property
    def digests(self) -> list[str]:
        """Of the two."""
        return [hashlib.sha256(data).hexdigest() for data in self.data]

    def add(self, version: str, data: bytes, dialect: str = "kuadrant-v3") -> None:
        """One more, which is not chosen."""
        entry = lock.LockedModule(
            name=CHOSEN,
            version=version,
            file=f"{CHOSEN}@{version}",
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            dialects=(dialect,),
            source="",
        )
        (self.folder / entry.file).write_bytes(data)
        entries = lock.parse((self.folder / lock.NAME).read_text())
        self._write(lock.NAME, lock.text((*entries, entry)).encode())

    def choose(self, data: bytes) -> None:
        self._write(CHOSEN, data)

    def _write(self, name: str, data: bytes) -> None:
        """All at once, as `kuadrant wasm fetch` does."""
        (self.folder / "new").write_bytes(data)
        (self.folder / "new").replace(self.folder / name)
