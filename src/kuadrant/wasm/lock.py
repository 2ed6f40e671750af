"""The lock file: which modules there are in a folder, and what each of them has to be, byte for byte."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "modules.lock"

_HEAD = """\
# The modules of this folder, the current one first. Written by `make shim` and `kuadrant wasm fetch`; each
# file is compared with it before it is served.
"""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]*")


class LockError(ValueError):
    """The text is no lock file; the message says what is wrong with it."""


class LockedModule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One module: its name, the file beside the lock that holds it, and its SHA-256 and size in bytes.

    ``dialects`` are the forms of configuration that it understands, the preferred one first. ``source`` tells
    where its bytes came from: a path of this repository or an address.
    """

    name: str
    version: str
    file: str
    sha256: str
    size: int
    dialects: tuple[str, ...]
    source: str


class _Document(Struct, frozen=True, forbid_unknown_fields=True):
    module: tuple[LockedModule, ...] = ()


def parse(text: str) -> tuple[LockedModule, ...]:
    """Return the entries in their order.

    Raises:
        LockError: the text is not TOML, lacks a field, or two entries are at odds.
    """
    try:
        entries = msgspec.convert(tomllib.loads(text), _Document).module
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise LockError(str(error)) from None
    for position, entry in enumerate(entries):
        if not _SHA256.fullmatch(entry.sha256):
            raise LockError(f"the sha256 of module {entry.name} {entry.version} is not 64 hexadecimal digits")
        if not _FILE.fullmatch(entry.file):
            raise LockError(f"the file of module {entry.name} {entry.version} is not a plain file name")
        if not entry.dialects:
            raise LockError(f"module {entry.name} {entry.version} has no dialect")
        for other in entries[:position]:
            if entry.file == other.file or entry.sha256 == other.sha256:
                same = "file" if entry.file == other.file else "sha256"
                raise LockError(f"modules {other.version} and {entry.version} have the same {same}")
    return entries


def text(entries: Iterable[LockedModule]) -> str:
    """Return a lock file with these entries, which `parse` reads back."""
    tables = [
        "".join(f"{field} = {_value(getattr(one, field))}\n" for field in LockedModule.__struct_fields__)
        for one in entries
    ]
    return _HEAD + "".join(f"\n[[module]]\n{table}" for table in tables)


def _value(value: str | int | tuple[str, ...]) -> str:
    # A JSON string is a TOML string, but for the one control character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
