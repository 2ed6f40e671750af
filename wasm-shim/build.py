"""Builds the packaged proxy-wasm module from the Zig sources beside this file (``make shim``).

The same sources give the same bytes on every machine. ``--check`` builds to a temporary folder instead and
fails when the packaged module is not what the sources give. ``VERSION`` is the module's: with another one the
module of the version before stays, beside the new one, for gateways that start with an object that names it.

``--front NAME --output FILE`` writes a stand-in for an official shim, for tests: the same core behind another
front, which reads that shim's configuration and means by it what that shim does. With the front
``expressions`` it is the evaluator alone. It is built anew only when the sources have changed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from kuadrant.wasm import lock

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "src"
OWN_FRONT = "kuadrant"
ROOTS = {
    OWN_FRONT: "main.zig",
    "rate-limit-policies": "stand_in_rate_limit_policies_v0_4.zig",
    "action-sets": "stand_in_action_sets_v0_9.zig",
    "action-sets-conditional-data": "stand_in_action_sets_v0_12.zig",
    "action-sets-conditional-data-v0.14": "stand_in_action_sets_v0_14.zig",
    "expressions": "cel/runner.zig",
}
MODULES = HERE.parent / "src" / "kuadrant" / "wasm" / "modules"
PACKAGED = MODULES / "kuadrant-wasm-shim.wasm"
LOCK = MODULES / lock.NAME
VERSION = "0.6.0"
DIALECTS = ("kuadrant-v4", "kuadrant-v3", "kuadrant-v2", "kuadrant-v1")
KEPT = 1
"""How many versions before the current one stay."""
ZIG_VERSION = "0.17.1"
OPTIONS = (
    "-target",
    "wasm32-freestanding",
    # Any engine that gateways have copies and fills memory by itself (WebAssembly 2.0), many times as fast.
    "-mcpu=mvp+bulk_memory",
    "-O",
    "ReleaseSafe",
    "-fno-entry",
    "-rdynamic",
    "-fstrip",
)


def build(cache: Path, front: str = OWN_FRONT) -> bytes:
    """The bytes of the module with that front.

    ``cache`` is a folder for the compiler to keep what it may use again.

    Raises:
        SystemExit: The compiler is missing, is of another version, or refuses the sources; it has said why.
    """
    version = subprocess.run(
        [sys.executable, "-m", "ziglang", "version"], capture_output=True, text=True, check=False
    )
    if version.stdout.strip() != ZIG_VERSION:
        found = version.stdout.strip() or "none"
        sys.exit(
            f"Zig {ZIG_VERSION} is needed, found {found}: another version gives other bytes. `make venv` "
            "installs it."
        )
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "module.wasm"
        command = [
            sys.executable,
            "-m",
            "ziglang",
            "build-exe",
            ROOTS[front],
            *OPTIONS,
            "--name",
            "kuadrant-wasm-shim",
        ]
        command += ["--cache-dir", str(cache), "--global-cache-dir", str(cache), f"-femit-bin={target}"]
        if subprocess.run(command, cwd=SOURCES, check=False).returncode:
            sys.exit("the sources do not compile")
        return target.read_bytes()


def stand_in(front: str) -> bytes:
    """The bytes of a stand-in for an official shim, kept from the last time if the sources are the same."""
    digest = hashlib.sha256(repr((ZIG_VERSION, OPTIONS, ROOTS[front])).encode())
    for path in sorted(SOURCES.rglob("*.zig")):
        digest.update(path.relative_to(SOURCES).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    kept = _cache_folder() / "stand-ins" / digest.hexdigest()[:16] / f"{front}.wasm"
    if not kept.exists():
        module = build(_cache_folder() / "zig", front)
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(module)
        unfinished.replace(kept)
    return kept.read_bytes()


def _cache_folder() -> Path:
    """Where builds keep what they may use again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kuadrant"


def describe(module: bytes) -> str:
    """Size and sha256, for people to compare."""
    return f"{len(module)} bytes, sha256 {hashlib.sha256(module).hexdigest()}"


def entry(module: bytes) -> lock.LockedModule:
    """What the lock file has to say of the current module."""
    return lock.LockedModule(
        name="kuadrant-wasm-shim",
        version=VERSION,
        file=PACKAGED.name,
        sha256=hashlib.sha256(module).hexdigest(),
        size=len(module),
        dialects=DIALECTS,
        source="wasm-shim/",
    )


def pack(module: bytes) -> None:
    """Write the module and its entry; when its version is a new one, keep the one before."""
    entries = lock.parse(LOCK.read_text(encoding="utf-8")) if LOCK.exists() else ()
    MODULES.mkdir(parents=True, exist_ok=True)
    before = [one for one in entries if one.file != PACKAGED.name]
    for replaced in entries:
        if replaced.file == PACKAGED.name and replaced.version != VERSION:
            kept = PACKAGED.with_name(f"{replaced.name}@{replaced.version}.wasm")
            PACKAGED.rename(kept)
            before.insert(0, msgspec.structs.replace(replaced, file=kept.name))
    for old in before[KEPT:]:
        (MODULES / old.file).unlink()
    PACKAGED.write_bytes(module)
    LOCK.write_text(lock.text((entry(module), *before[:KEPT])), encoding="utf-8")


def main() -> None:
    """Build, then write or compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="compare with the packaged module and write nothing"
    )
    parser.add_argument(
        "--front",
        choices=[front for front in ROOTS if front != OWN_FRONT],
        help="build a stand-in for an official shim",
    )
    parser.add_argument("--output", type=Path, help="where to write it")
    arguments = parser.parse_args()
    if (arguments.front is None) != (arguments.output is None):
        parser.error("--front and --output go together")
    if arguments.front:
        module = stand_in(arguments.front)
        arguments.output.write_bytes(module)
        print(f"{arguments.output}: {describe(module)}")
        return
    if arguments.check:
        with tempfile.TemporaryDirectory() as folder:
            module = build(Path(folder))
        packaged = PACKAGED.read_bytes() if PACKAGED.exists() else b""
        if module != packaged:
            sys.exit(
                f"{PACKAGED.name} is not what wasm-shim/src gives: run `make shim` and commit the result\n"
                f"  packaged: {describe(packaged)}\n  rebuilt:  {describe(module)}"
            )
        if entry(module) != lock.parse(LOCK.read_text(encoding="utf-8"))[0]:
            sys.exit(f"{lock.NAME} does not say of {PACKAGED.name} what build.py says: run `make shim`")
        print(f"{PACKAGED.name} is what wasm-shim/src gives: {describe(module)}")
        return
    module = build(_cache_folder() / "zig")
    pack(module)
    print(f"{PACKAGED.relative_to(HERE.parent)}: {describe(module)}")


if __name__ == "__main__":
    main()
