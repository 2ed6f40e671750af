"""A folder of fetched modules: its lock file, a file for each module, and the one that was chosen."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from typing import TYPE_CHECKING

from kuadrant.wasm import lock
from kuadrant.wasm.catalogue import CHOSEN, entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TEMPORARY = f".{CHOSEN}."


def file_name(version: str, sha256: str) -> str:
    """Return the name of a module's file: it never stands for other bytes, so a lock file stays true."""
    return f"{CHOSEN}@{version}-{sha256[:12]}"


def chosen(folder: Path) -> lock.LockedModule | None:
    """Return the entry of the chosen module, by its bytes; None without one that the lock file names.

    Raises:
        CatalogueError: the lock file is none.
        OSError: something cannot be read.
    """
    file = folder / CHOSEN
    if not file.exists():
        return None
    digest = _sha256(file)
    return next((entry for entry in entries(folder) if entry.sha256 == digest), None)


@contextlib.contextmanager
def temporary(folder: Path) -> Iterator[Path]:
    """A file in ``folder`` to fill and then `keep`; what was not kept is gone at the end.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=folder)
    os.close(descriptor)
    path = folder / name
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def keep(folder: Path, entry: lock.LockedModule, checked: Path) -> None:
    """Take the file ``checked`` in as ``entry`` and choose it; what was chosen before is kept, too.

    After every step the folder is one that can be served from: with what was chosen before, or with this.

    Raises:
        CatalogueError: the folder's lock file is none.
        OSError: something cannot be written.
    """
    checked.chmod(0o644)
    # Another file of this version is another build under the same name; who chose it may go on without its
    # entry.
    others = [one for one in entries(folder) if one.sha256 != entry.sha256]
    checked.replace(folder / entry.file)
    _write(folder, (entry, *others))
    _choose(folder, entry)


def collect(folder: Path, *, keep_before: int) -> tuple[str, ...]:
    """Remove all but the chosen module and the ``keep_before`` ones before it; return the files' names.

    Raises:
        CatalogueError: the folder's lock file is none.
        OSError: something cannot be read or removed.
    """
    now = chosen(folder)
    before = [entry for entry in entries(folder) if entry != now]
    kept = (() if now is None else (now,)) + tuple(before[:keep_before])
    if kept or (folder / lock.NAME).exists():
        _write(folder, kept)
    named = {entry.file for entry in kept}
    found = (path for path in folder.iterdir() if path.name.startswith((f"{CHOSEN}@", _TEMPORARY)))
    removed = sorted(path for path in found if path.name not in named)
    for path in removed:
        path.unlink()
    return tuple(path.name for path in removed)


def _write(folder: Path, wanted: tuple[lock.LockedModule, ...]) -> None:
    with temporary(folder) as file:
        file.write_text(lock.text(wanted), encoding="utf-8")
        file.chmod(0o644)
        file.replace(folder / lock.NAME)


def _choose(folder: Path, entry: lock.LockedModule) -> None:
    with temporary(folder) as file:
        # A copy: who writes into one of the two must not change the other.
        file.write_bytes((folder / entry.file).read_bytes())
        file.chmod(0o644)
        file.replace(folder / CHOSEN)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
