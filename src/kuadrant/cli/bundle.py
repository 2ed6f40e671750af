"""`kuadrant bundle`: verifies that a folder is the release that was signed, and signs one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from kuadrant.cli.output import Output, write
from kuadrant.cli.paths import File, Folder, is_file

if TYPE_CHECKING:
    from kuadrant.bundle.folder import Verification
    from kuadrant.signing.keys import SigningKey, TrustedKey

Keys = Annotated[list[Path], Parameter(name="--key", validator=lambda _, files: _are_files(files))]


def verify(folder: Folder, /, *, key: Keys, output: Output = "text") -> int:
    """Tell whether a folder is a release as it was signed: no file missing, added or changed, and no link.

    It needs no network and believes nothing in the folder before the signature has been checked. Of several
    keys one has to have signed: give the former and the next one while keys change.

    Exit code: 0 when it is, 1 when it is not, 2 for wrong usage.

    Args:
        folder: The folder of the release.
        key: A public key in PEM (Ed25519 or P-256) that you trust; it can be given several times.
        output: text for people, json for programs.
    """
    from kuadrant.bundle import folder as bundle  # noqa: PLC0415 - most commands need no signatures

    verification = bundle.verify(folder, [trusted(one) for one in key])
    write(_told(verification), _text(folder, verification), output)
    return 1 if verification.problems else 0


def sign(folder: Folder, /, *, key: File) -> int:
    """Sign a release that `make release` has made without a key.

    Every file is compared with the release's statement before. A key that has a password gets it from
    KUADRANT_KEY_PASSWORD.

    Exit code: 0, 1 when the folder is not what its statement says, 2 for wrong usage.

    Args:
        folder: The folder of the release.
        key: The private key in PEM (Ed25519 or P-256), which stays where it is.
    """
    from kuadrant.bundle import folder as bundle  # noqa: PLC0415 - most commands need no signatures

    signer = signing(key)
    try:
        release = bundle.sign_folder(folder, signer)
    except bundle.NotSignedError as error:
        sys.exit(f"kuadrant: {error}")
    print(f"{folder}: kuadrant {release.version}, signed by the {_named(signer.trusted)}")
    return 0


def trusted(file: Path) -> TrustedKey:
    """Return the public key in a file; what is none ends the command, which says what it is instead."""
    from kuadrant.signing.keys import KeyFileError, trusted_key  # noqa: PLC0415 - as above

    try:
        return trusted_key(file.read_bytes())
    except KeyFileError as error:
        print(f"kuadrant: {file} {error}", file=sys.stderr)
        sys.exit(2)


def signing(file: Path) -> SigningKey:
    """Return the private key in a file; what is none ends the command, which says what it is instead."""
    from kuadrant.signing.keys import KeyFileError, signing_key  # noqa: PLC0415 - as above

    try:
        return signing_key(file.read_bytes(), os.environ.get("KUADRANT_KEY_PASSWORD"))
    except KeyFileError as error:
        print(f"kuadrant: {file} {error}", file=sys.stderr)
        sys.exit(2)


def _are_files(files: list[Path]) -> None:
    for file in files:
        is_file(None, file)


def _named(key: TrustedKey) -> str:
    return f"{key.algorithm} key {key.key_id}"


def _told(verification: Verification) -> dict[str, Any]:
    release, key = verification.release, verification.key
    return {
        "verified": not verification.problems,
        "key": None if key is None else {"id": key.key_id, "algorithm": key.algorithm},
        "release": None
        if release is None
        else {
            "version": release.version,
            "commit": release.commit,
            "files": dict(sorted(release.digests.items())),
        },
        "problems": [
            {"place": one.place, "problem": one.problem, "remedy": one.remedy}
            for one in verification.problems
        ],
    }


def _text(folder: Path, verification: Verification) -> str:
    lines = [
        f"{_printable(f'{folder}/{one.place}')} {one.problem}; {one.remedy}" for one in verification.problems
    ]
    release, key = verification.release, verification.key
    if release is None or key is None:
        lines.append("NOT VERIFIED: it is not known who made this")
    elif verification.problems:
        lines.append(f"NOT VERIFIED: it is not the kuadrant {release.version} that was signed")
    else:
        lines += [
            f"verified: kuadrant {release.version}, {len(release.digests)} files",
            f"  commit    {release.commit}",
            f"  signed by {_named(key)}",
        ]
    return "\n".join(lines)


def _printable(place: str) -> str:
    """Return a name that somebody else may have chosen as one line that a terminal takes for nothing else."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in place)
