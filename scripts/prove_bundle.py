"""Change a random byte of a signed release 10,000 times, and see each change refused (`make prove-bundle`).

By default of a small release that is made and signed for it; `DIR KEY` names another one, which is copied.
CHANGES and SEED are taken from the environment; the first change that is not refused ends it with code 1.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kuadrant.bundle.folder import verify
from kuadrant.signing.keys import trusted_key
from tests.signed_releases import ED25519, public_pem, write_release

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.signing.keys import TrustedKey


def main(words: Sequence[str]) -> None:
    changes = int(os.environ.get("CHANGES") or 10_000)
    seed = int(os.environ.get("SEED") or time.time())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "release"
        if words:
            shutil.copytree(words[0], folder)
            keys = [trusted_key(Path(words[1]).read_bytes())]
        else:
            write_release(folder)
            keys = [trusted_key(public_pem(ED25519))]
        if problems := verify(folder, keys).problems:
            sys.exit(f"it is refused as it is: {problems}")
        started = time.monotonic()
        _change(folder, keys, changes, random.Random(seed))
        seconds = time.monotonic() - started
    print(f"{changes} changes of one byte (SEED={seed}), each refused: {seconds:.0f} s")


def _change(folder: Path, keys: Sequence[TrustedKey], changes: int, chance: random.Random) -> None:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.stat().st_size]
    for _ in range(changes):
        file = chance.choice(files)
        place, mask = chance.randrange(file.stat().st_size), chance.randrange(1, 256)
        with file.open("r+b") as opened:
            opened.seek(place)
            before = opened.read(1)[0]
            for byte in (before ^ mask, before):
                opened.seek(place)
                opened.write(bytes([byte]))
                opened.flush()
                if byte != before and not verify(folder, keys).problems:
                    sys.exit(f"{file.relative_to(folder)}: byte {place} as {byte:#x} is not refused")
    if problems := verify(folder, keys).problems:
        sys.exit(f"it was changed back, and is refused: {problems}")


if __name__ == "__main__":
    main(sys.argv[1:])
