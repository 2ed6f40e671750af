"""Compile src/kuadrant/envoy_api/*.proto into descriptors.binpb beside them; with --check only compare."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

FOLDER = Path(__file__).parents[1] / "src" / "kuadrant" / "envoy_api"
DESCRIPTORS = FOLDER / "descriptors.binpb"


def build() -> bytes:
    """The descriptor set of every ``.proto`` of the folder and of what they import, sorted by name."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        names = sorted(path.name for path in FOLDER.glob("*.proto"))
        well_known = Path(grpc_tools.__file__).parent / "_proto"
        status = protoc.main(
            [
                "protoc",
                f"-I{FOLDER}",
                f"-I{well_known}",
                "--include_imports",
                f"--descriptor_set_out={out}",
                *names,
            ],
        )
        if status:
            sys.exit(status)
        return out.read_bytes()


def main() -> None:
    """Write the descriptors of the ``.proto`` files, or with ``--check`` exit with 1 if they differ."""
    descriptors = build()
    if "--check" not in sys.argv[1:]:
        DESCRIPTORS.write_bytes(descriptors)
    elif DESCRIPTORS.read_bytes() != descriptors:
        sys.exit(
            f"{DESCRIPTORS.name} is not what the .proto files say: run python scripts/build_envoy_api.py"
        )


if __name__ == "__main__":
    main()
