"""Reads the folder of a release, follows nothing that leads elsewhere, and has it checked or signed."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kuadrant.bundle.checks import (
    Found,
    Problem,
    Release,
    digest_problems,
    open_statement,
    places_problems,
    release_of,
    sigstore_problem,
)
from kuadrant.bundle.contents import PREDICATE, SIGNED, SIGSTORE, STATEMENTS, SUMS, UNSIGNED, sums_text
from kuadrant.signing.envelope import SignatureError, sign, sigstore_bundle
from kuadrant.signing.keys import TrustedKey
from kuadrant.signing.statement import Statement, StatementError, statement_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from kuadrant.bundle.checks import Kind
    from kuadrant.signing.keys import SigningKey

_STATEMENT_MAX: Final = 16 << 20
_PLACES_MAX: Final = 10_000
_DEPTH_MAX: Final = 16
_AT_ONCE: Final = 1 << 20
_FOLLOW_NOTHING: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Verification(Struct, frozen=True):
    """Holds what became of looking at a folder.

    Attributes:
        problems: All that is wrong with it; nothing if it is the release that was signed.
        release: What the statement says, if it was signed by a key that is trusted.
        key: Which key that is.
    """

    problems: tuple[Problem, ...]
    release: Release | None = None
    key: TrustedKey | None = None


class NotSignedError(Exception):
    """A folder cannot be signed; the text says why, and what to do."""


def verify(folder: Path, keys: Sequence[TrustedKey]) -> Verification:
    """Tell whether a folder is a release that one of ``keys`` has signed, and what is wrong if it is none.

    The signature comes first: nothing of what is in the folder is believed before.

    Raises:
        OSError: the folder itself cannot be read.
    """
    with _opened(folder) as root:
        envelope = _statement(root, SIGNED)
        if isinstance(envelope, Problem):
            unsigned = not isinstance(_statement(root, UNSIGNED), Problem)
            return Verification((_never_signed(),) if unsigned else (envelope,))
        try:
            signed, release = open_statement(envelope, keys)
        except (SignatureError, StatementError) as error:
            return Verification((Problem(SIGNED, str(error)),))
        problems = _problems(root, release, signed=True)
        sigstore = _statement(root, SIGSTORE)
        if not isinstance(sigstore, Problem):
            problem = sigstore_problem(envelope, sigstore)
            problems = (*problems, *(() if problem is None else (problem,)))
        return Verification(problems, release, signed.key)


def seal(folder: Path, predicate: Mapping[str, Any]) -> Release:
    """Write checksums of all that is in a folder, and a statement about it that is yet to be signed.

    Raises:
        StatementError: ``predicate`` is none of a release, or a file has a name that no release has.
        OSError: something cannot be read or written, or is no plain file.
    """
    (folder / SUMS).unlink(missing_ok=True)
    digests = _digests(folder)
    (folder / SUMS).write_bytes(sums_text(digests))
    payload = statement_text(Statement(_digests(folder), PREDICATE, predicate))
    release = release_of(payload)
    (folder / UNSIGNED).write_bytes(payload)
    return release


def sign_folder(folder: Path, key: SigningKey) -> Release:
    """Sign a release that nobody has signed yet: its statement, after every file was compared with it.

    Raises:
        NotSignedError: it is not what its statement says, or there is none.
        OSError: something cannot be read or written.
    """
    with _opened(folder) as root:
        payload = _statement(root, UNSIGNED)
        if isinstance(payload, Problem):
            raise NotSignedError(f"{folder / UNSIGNED} {payload.problem}; `make release` makes a release")
        try:
            release = release_of(payload)
        except StatementError as error:
            raise NotSignedError(f"{folder / UNSIGNED} {error}; make it again") from None
        problems = _problems(root, release, signed=False)
    if problems:
        first = problems[0]
        more = f", and {len(problems) - 1} more" if problems[1:] else ""
        raise NotSignedError(f"{folder / first.place} {first.problem}{more}; nothing is signed")
    envelope = sign(payload, key)
    for name, text in ((SIGSTORE, sigstore_bundle(envelope)), (SIGNED, envelope)):
        (folder / name).write_bytes(text)
    (folder / UNSIGNED).unlink()
    return release


def _never_signed() -> Problem:
    return Problem(UNSIGNED, "is there, so nobody has signed this release", "`kuadrant bundle sign` signs it")


def _problems(root: int, release: Release, *, signed: bool) -> tuple[Problem, ...]:
    found = dict(_walk(root))
    problems = list(places_problems(release, found, signed=signed))
    wrong = {problem.place for problem in problems}
    digests: dict[str, str] = {}
    for name in release.digests.keys() - wrong:
        try:
            digests[name] = _sha256(root, name)
        except OSError as error:
            problems.append(Problem(name, f"cannot be read: {error.strerror}"))
    return tuple(sorted((*problems, *digest_problems(release, digests)), key=lambda one: one.place))


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _walk(folder: int, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Found]]:
    """Yield each place below an open folder, with what is there; links are named, and not followed."""
    with os.scandir(folder) as entries:
        listed = sorted(islice(entries, _PLACES_MAX + 1), key=lambda entry: entry.name)
    if len(listed) > _PLACES_MAX:
        yield prefix.rstrip("/") or ".", Found("unreadable", why=f"it holds more than {_PLACES_MAX} names")
    for entry in listed:
        place = prefix + entry.name
        try:
            status = os.stat(entry.name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                yield place, Found(_kind(status.st_mode), status.st_nlink)
                continue
            if depth >= _DEPTH_MAX:
                yield place, Found("unreadable", why="it is too deep")
                continue
            inner = os.open(entry.name, _FOLLOW_NOTHING | os.O_DIRECTORY, dir_fd=folder)
        except OSError as error:
            yield place, Found("unreadable", why=error.strerror or "")
            continue
        try:
            below = list(_walk(inner, f"{place}/", depth + 1))
        finally:
            os.close(inner)
        yield place, Found("folder" if below else "empty folder")
        yield from below


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISFIFO(mode):
        return "pipe"
    return "socket" if stat.S_ISSOCK(mode) else "device"


@contextmanager
def _file(root: int, name: str) -> Iterator[int]:
    """Open a plain file by its name below an open folder; no part of the name may be a link.

    Raises:
        OSError: it cannot be opened, or is no plain file.
    """
    *folders, last = name.split("/")
    opened: list[int] = []
    try:
        for part in folders:
            opened.append(
                os.open(part, _FOLLOW_NOTHING | os.O_DIRECTORY, dir_fd=opened[-1] if opened else root)
            )
        opened.append(os.open(last, _FOLLOW_NOTHING, dir_fd=opened[-1] if opened else root))
        if not stat.S_ISREG(os.fstat(opened[-1]).st_mode):
            raise OSError(0, "it is no plain file")
        yield opened[-1]
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _sha256(root: int, name: str) -> str:
    total = hashlib.sha256()
    with _file(root, name) as descriptor:
        while data := os.read(descriptor, _AT_ONCE):
            total.update(data)
    return total.hexdigest()


def _statement(root: int, name: str) -> bytes | Problem:
    """Return the bytes of a statement, or why there are none."""
    try:
        with _file(root, name) as descriptor:
            if os.fstat(descriptor).st_size > _STATEMENT_MAX:
                return Problem(name, f"is larger than {_STATEMENT_MAX >> 20} MiB")
            parts = []
            while data := os.read(descriptor, _AT_ONCE):
                parts.append(data)
            return b"".join(parts)
    except FileNotFoundError:
        return Problem(name, "is missing: this is no release, or its signature was taken away")
    except OSError as error:
        return Problem(name, f"cannot be read: {error.strerror}")


def _digests(folder: Path) -> dict[str, str]:
    with _opened(folder) as root:
        return {
            place: _sha256(root, place)
            for place, one in _walk(root)
            if one.kind != "folder" and place not in STATEMENTS
        }
