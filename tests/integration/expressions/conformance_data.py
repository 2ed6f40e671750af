"""The cases that the definition of CEL comes with: a Go module has them, as texts of messages of its own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc_tools
from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = "cel.dev/expr@v0.25.1"
_PROTOS = Path("proto/cel/expr")
_NAMES = (
    "conformance/proto2/test_all_types.proto",
    "conformance/proto3/test_all_types.proto",
    "conformance/test/simple.proto",
)


def downloaded() -> Path:
    """The folder of the module."""
    environment = os.environ | {"GOFLAGS": "-mod=mod"}
    answer = subprocess.run(
        ["go", "mod", "download", "-json", MODULE],
        capture_output=True,
        check=True,
        cwd=tempfile.gettempdir(),
        env=environment,
    )
    return Path(json.loads(answer.stdout)["Dir"])


def cases(folder: Path, file: str) -> Iterator[tuple[str, Any]]:
    """Each case of a file, with its name."""
    message = _test_file(folder)()
    text = (folder / "tests/simple/testdata" / f"{file}.textproto").read_text(encoding="utf-8")
    with warnings.catch_warnings():
        # The library decodes texts by a codec that warns of what is written in one of these cases.
        warnings.simplefilter("ignore", DeprecationWarning)
        text_format.Parse(text, message, descriptor_pool=_pool(folder), allow_unknown_field=True)
    for section in message.section:
        for test in section.test:
            yield f"{file}/{section.name}/{test.name}", test


def _test_file(folder: Path) -> Any:
    name = "cel.expr.conformance.test.SimpleTestFile"
    return GetMessageClass(_pool(folder).FindMessageTypeByName(name))


_POOLS: dict[Path, descriptor_pool.DescriptorPool] = {}


def _pool(folder: Path) -> descriptor_pool.DescriptorPool:
    if folder not in _POOLS:
        pool = _POOLS[folder] = descriptor_pool.DescriptorPool()
        for file in _compiled(folder).file:
            pool.AddSerializedFile(file.SerializeToString())
    return _POOLS[folder]


def _compiled(folder: Path) -> descriptor_pb2.FileDescriptorSet:
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as output:
        result = Path(output) / "set"
        code = protoc.main(
            [
                "protoc",
                f"-I{folder / 'proto'}",
                f"-I{well_known}",
                "--include_imports",
                f"--descriptor_set_out={result}",
                *(str(folder / _PROTOS / name) for name in _NAMES),
            ]
        )
        assert code == 0
        return descriptor_pb2.FileDescriptorSet.FromString(result.read_bytes())
