"""Builds the packaged proxy-wasm module from the Zig sources beside this file (``make shim``).

The same sources give the same bytes on every machine. ``--check`` builds to a temporary folder instead and fails when the
packaged module is not what the sources give.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "src" / "main.zig"
PACKAGED = HERE.parent / "src" / "kuadrant" / "wasm" / "modules" / "kuadrant-wasm-shim.wasm"
ZIG_VERSION = "0.17.1"
OPTIONS = (
    "-target",
    "wasm32-freestanding",
    "-mcpu=mvp",
    "-O",
    "ReleaseSafe",
    "-fno-entry",
    "-rdynamic",
    "-fstrip",
)


def build(cache: Path) -> bytes:
    """The module's bytes. ``cache`` is a folder for the compiler to keep what it may use again.

    Raises:
        SystemExit: The compiler is missing, is of another version, or refuses the sources; it has said why.
    """
    version = subprocess.run(
        [sys.executable, "-m", "ziglang", "version"], capture_output=True, text=True, check=False
    )
    if version.stdout.strip() != ZIG_VERSION:
        found = version.stdout.strip() or "none"
        sys.exit(
            f"Zig {ZIG_VERSION} is needed, found {found}: another version gives other bytes. `make venv` installs it."
        )
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "module.wasm"
        command = [
            sys.executable,
            "-m",
            "ziglang",
            "build-exe",
            SOURCE.name,
            *OPTIONS,
            "--name",
            "kuadrant-wasm-shim",
        ]
        command += ["--cache-dir", str(cache), "--global-cache-dir", str(cache), f"-femit-bin={target}"]
        if subprocess.run(command, cwd=SOURCE.parent, check=False).returncode:
            sys.exit("the sources do not compile")
        return target.read_bytes()


def describe(module: bytes) -> str:
    """Size and sha256, for people to compare."""
    return f"{len(module)} bytes, sha256 {hashlib.sha256(module).hexdigest()}"


def main() -> None:
    """Build, then write or compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="compare with the packaged module and write nothing"
    )
    if parser.parse_args().check:
        with tempfile.TemporaryDirectory() as folder:
            module = build(Path(folder))
        packaged = PACKAGED.read_bytes() if PACKAGED.exists() else b""
        if module != packaged:
            sys.exit(
                f"{PACKAGED.name} is not what wasm-shim/src gives: run `make shim` and commit the result\n"
                f"  packaged: {describe(packaged)}\n  rebuilt:  {describe(module)}"
            )
        print(f"{PACKAGED.name} is what wasm-shim/src gives: {describe(module)}")
        return
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    module = build(cache_home / "kuadrant" / "zig")
    PACKAGED.parent.mkdir(parents=True, exist_ok=True)
    PACKAGED.write_bytes(module)
    print(f"{PACKAGED.relative_to(HERE.parent)}: {describe(module)}")


if __name__ == "__main__":
    main()
