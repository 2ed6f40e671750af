"""Decides whether a folder is the release that was signed: nothing missing, added, changed, or led astray.

Pure: what was found in the folder comes in, and what is wrong with it goes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from kuadrant.bundle.contents import (
    BUILD_TYPE,
    PREDICATE,
    SIGNED,
    SIGSTORE,
    STATEMENTS,
    SUMS,
    UNSIGNED,
    sums_digest,
)
from kuadrant.bundle.file_names import names_problem
from kuadrant.signing.envelope import opened, sigstore_bundle
from kuadrant.signing.statement import StatementError, read_statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.signing.envelope import Opened
    from kuadrant.signing.keys import TrustedKey

Kind = Literal["file", "folder", "empty folder", "link", "pipe", "socket", "device", "unreadable"]
_AGAIN: Final = "take the release again from where it came from"


class Found(Struct, frozen=True):
    """Holds what is at a place of the folder, of which nothing was followed.

    Attributes:
        kind: What it is.
        names: How many names the file has: with two of them, who changes one elsewhere changes this.
        why: Why it is unreadable.
    """

    kind: Kind
    names: int = 1
    why: str = ""


class Problem(Struct, frozen=True):
    """Says what is wrong, where, and what to do."""

    place: str
    problem: str
    remedy: str = _AGAIN


class Release(Struct, frozen=True):
    """Holds what a release says of itself."""

    version: str
    commit: str
    digests: Mapping[str, str]


def release_of(signed: Opened | bytes) -> Release:
    """Return what a statement says, which was signed or, as bytes, is yet to be.

    Raises:
        StatementError: it is no statement about a release, or names files that no release has.
    """
    statement = read_statement(signed if isinstance(signed, bytes) else signed.payload)
    build = statement.predicate.get("buildDefinition")
    if statement.predicate_type != PREDICATE or not _is_release(build):
        raise StatementError("is not about a release, but about something else that the same key has signed")
    if (problem := names_problem(statement.subjects)) is not None:
        raise StatementError(f"names files as no release does: {problem}")
    if SUMS not in statement.subjects or statement.subjects.keys() & STATEMENTS:
        raise StatementError(f"does not name {SUMS}, or names itself")
    return Release(_version(build, "version"), _version(build, "commit"), statement.subjects)


def places_problems(release: Release, found: Mapping[str, Found], *, signed: bool) -> tuple[Problem, ...]:
    """Return what is missing, what is there beside it, and what is no plain file; in the order of places."""
    statements = {SIGNED, SIGSTORE} if signed else {UNSIGNED}
    wanted = release.digests.keys() | statements
    folders = {name[:end] for name in wanted for end, letter in enumerate(name) if letter == "/"}
    problems = [Problem(name, "is missing") for name in wanted - found.keys()]
    for place, one in found.items():
        problem = _place_problem(one, is_wanted=place in wanted, is_folder=place in folders)
        if problem is not None:
            problems.append(Problem(place, *problem))
    return tuple(sorted(problems, key=lambda problem: problem.place))


def digest_problems(release: Release, digests: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return which files are not those of the release, by what was computed from their bytes."""
    problems = [
        Problem(name, f"is not the file that was signed: it has sha256 {digests[name]}, not {wanted}")
        for name, wanted in sorted(release.digests.items())
        if name in digests and digests[name] != wanted
    ]
    if release.digests[SUMS] != sums_digest(release.digests):
        problems.append(Problem(SUMS, "was signed, but names other files than the statement does"))
    return tuple(problems)


def open_statement(envelope: bytes, keys: Sequence[TrustedKey]) -> tuple[Opened, Release]:
    """Return what a signed statement says and who has signed it.

    Raises:
        SignatureError: nobody who is trusted has signed it.
        StatementError: it is about something else than a release.
    """
    signed = opened(envelope, keys)
    return signed, release_of(signed)


def sigstore_problem(envelope: bytes, sigstore: bytes) -> Problem | None:
    """Return what is wrong with the envelope in cosign's form, which has to say the same in every byte."""
    if sigstore == sigstore_bundle(envelope):
        return None
    return Problem(SIGSTORE, f"does not say what {SIGNED} says")


def _place_problem(one: Found, *, is_wanted: bool, is_folder: bool) -> tuple[str, str] | None:
    match one.kind:
        case "file" if is_wanted and one.names > 1:
            return (
                f"has {one.names} names (hard links): who changes one of them changes it",
                "copy the folder, with `cp -r`, and verify the copy",
            )
        case "file" if is_wanted:
            return None
        case "folder" if is_folder:
            return None
        case "file" | "folder":
            return "is there, and is no part of the release", "remove it, if you know where it is from"
        case "unreadable":
            return f"cannot be read: {one.why}", "have it readable for who verifies it"
        case _:
            article = "an" if one.kind[0] in "aeiou" else "a"
            return f"is {article} {one.kind}, and a release has none", _AGAIN


def _is_release(build: Any) -> bool:
    return isinstance(build, dict) and build.get("buildType") == BUILD_TYPE


def _version(build: Any, name: str) -> str:
    parameters = build.get("externalParameters")
    value = parameters.get(name) if isinstance(parameters, dict) else None
    if not isinstance(value, str):
        raise StatementError(f"does not tell the {name} of the release")
    return value
