"""Keeps what is built once: entries named by a digest of all that they are made from."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lab.progress import say


def home() -> Path:
    """The folder of everything that the lab has built, outside every checkout."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kuadrant" / "lab"


def digest(parts: Iterable[str | bytes | Path]) -> str:
    """A short digest of texts and of the contents of files and folders, in the order given.

    A path's name counts, its place on the machine does not: two checkouts share what they build.
    """
    total = hashlib.sha256()

    def add(kind: str, content: bytes) -> None:
        total.update(f"{kind} {len(content)}\n".encode() + content)

    for part in parts:
        match part:
            case str():
                add("text", part.encode())
            case bytes():
                add("text", part)
            case Path() if part.is_dir():
                for file in sorted(path for path in part.rglob("*") if path.is_file()):
                    if "__pycache__" not in file.parts:
                        add(str(file.relative_to(part)), file.read_bytes())
            case Path():
                add(part.name, part.read_bytes())
    return total.hexdigest()[:16]


def place(name: str, parts: Iterable[str | bytes | Path]) -> Path:
    """The folder that the entry of `name` made from `parts` is in, once it is there."""
    return home() / f"{name}-{digest(parts)}"


def entry(
    name: str, parts: Iterable[str | bytes | Path], build: Callable[[Path], None], *, keep: int | None = None
) -> Path:
    """The folder of `name` made from `parts`, built by `build` if it is not there yet.

    `build` gets an empty folder to fill. The entry appears whole or not at all, also when several processes
    want it at once or one of them is killed. With `keep`, only that many entries of the name stay, the
    newest.
    """
    found = place(name, parts)
    if found.is_dir():
        return found
    found.parent.mkdir(parents=True, exist_ok=True)
    with _lock(found.with_name(found.name + ".lock")):
        if found.is_dir():
            return found
        started = time.monotonic()
        scratch = Path(tempfile.mkdtemp(prefix=f".{found.name}-", dir=found.parent))
        try:
            build(scratch)
            scratch.chmod(0o755)
            scratch.rename(found)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        if keep is not None:
            _forget_all_but(keep, found)
    say(f"{name} is built", since=started)
    return found


def _forget_all_but(keep: int, newest: Path) -> None:
    """Remove the oldest entries of a name; they are told by the length of the digest."""
    name, _, mark = newest.name.rpartition("-")
    entries = [path for path in newest.parent.glob(f"{name}-{'?' * len(mark)}") if path.is_dir()]
    for path in sorted(entries, key=lambda path: path.stat().st_mtime)[:-keep]:
        shutil.rmtree(path)
        path.with_name(path.name + ".lock").unlink(missing_ok=True)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is building {path.stem}: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
