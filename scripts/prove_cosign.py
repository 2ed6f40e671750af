"""Have cosign verify what we sign, by both kinds of keys, and refuse what was changed (`make prove-cosign`).

COSIGN names the program, of version 3.0.4 or later; `go install
github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3` builds one. It asks nobody: there is a key, and no log.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kuadrant.bundle.contents import SIGSTORE, SUMS
from tests.signed_releases import ED25519, P256, public_pem, signer, write_release

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_KEYS: Final[tuple[PrivateKeyTypes, ...]] = (ED25519, P256)
_COMMAND: Final = (
    "verify-blob-attestation",
    "--insecure-ignore-tlog",
    "--type=slsaprovenance1",
    f"--bundle={SIGSTORE}",
)


def main() -> None:
    cosign = shutil.which(os.environ.get("COSIGN") or "cosign")
    if cosign is None:
        sys.exit(
            "there is no cosign; COSIGN=program names one, and the head of this script tells how to get it"
        )
    with tempfile.TemporaryDirectory() as temporary:
        for number, key in enumerate(_KEYS):
            folder = write_release(Path(temporary) / str(number), key)
            public = Path(temporary) / f"{number}.pub"
            public.write_bytes(public_pem(key))
            name = signer(key).trusted.algorithm
            _expect(cosign, folder, public, f"what a key of {name} has signed", good=True)
            (folder / SUMS).write_bytes((folder / SUMS).read_bytes() + b"\n")
            _expect(cosign, folder, public, "a file that was changed", good=False)
            other = Path(temporary) / "other.pub"
            other.write_bytes(public_pem(P256 if key is ED25519 else ED25519))
            folder = write_release(Path(temporary) / f"{number}-again", key)
            _expect(cosign, folder, other, "another key", good=False)


def _expect(cosign: str, folder: Path, public: Path, what: str, *, good: bool) -> None:
    """See that cosign says so.

    Raises:
        SystemExit: it says otherwise.
    """
    command = [cosign, *_COMMAND, f"--key={public}", SUMS]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if (done.returncode == 0) != good:
        sys.exit(f"cosign {'refuses' if good else 'takes'} {what}:\n{done.stdout}{done.stderr}")
    print(f"cosign {'takes' if good else 'refuses'} {what}")


if __name__ == "__main__":
    main()
