"""The binary format of WebAssembly: numbers, names, and the entries of its import and export sections."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

_Entry = TypeVar("_Entry")

_KINDS = ("function", "table", "memory", "global", "tag")


class NotAModule(ValueError):  # noqa: N818 - it says what the bytes are
    """The bytes are no well-formed wasm module; ``offset`` is the byte at which that was seen."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"not a wasm module: {reason} (at byte {offset})")
        self.reason = reason
        self.offset = offset


class Import(Struct, frozen=True, gc=False):
    """Something that the module wants from its host."""

    module: str
    name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} {self.module}.{self.name}"


class Export(Struct, frozen=True, gc=False):
    """Something that the module offers to its host."""

    name: str
    kind: str


class Reader:
    """Reads values of the binary format from ``data[at:end]``; whatever is not there is a `NotAModule`."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data = data
        self.at = at
        self.end = end

    def byte(self, what: str) -> int:
        """Read a byte."""
        if self.at >= self.end:
            raise NotAModule(f"{what} is missing", self.at)
        value = self.data[self.at]
        self.at += 1
        return value

    def integer(self, what: str, bits: int) -> int:
        """Read an unsigned LEB128 number."""
        start = self.at
        value = 0
        for shift in range(0, bits, 7):
            byte = self.byte(what)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >> bits:
                    break
                return value
        raise NotAModule(f"{what} is not a number of {bits} bits", start)

    def u32(self, what: str) -> int:
        """Read an unsigned number of 32 bits."""
        return self.integer(what, 32)

    def name(self, what: str) -> str:
        """Read a text with its length in front of it."""
        size = self.u32(f"length of {what}")
        start = self.at
        if size > self.end - start:
            raise NotAModule(f"{what} of {size} bytes in the last {self.end - start}", start)
        self.at += size
        try:
            return self.data[start : self.at].decode()
        except UnicodeDecodeError as error:
            raise NotAModule(f"{what} is not UTF-8", start + error.start) from None


def entries(reader: Reader, read: Callable[[Reader], _Entry], what: str) -> tuple[_Entry, ...]:
    """Read all entries of a section, one after the other with ``read``."""
    count = reader.u32(f"number of {what}s")
    # Every entry takes at least three bytes, so a false count ends at the section's end.
    found = tuple(read(reader) for _ in range(count))
    if reader.at != reader.end:
        raise NotAModule(f"{what} section goes on after its last entry", reader.at)
    return found


def read_import(reader: Reader) -> Import:
    """Read an entry of the import section."""
    module = reader.name("import's module name")
    name = reader.name("import's name")
    kind = _kind(reader)
    if kind == "function":
        reader.u32("type of a function")
    elif kind == "table":
        _value_type(reader)
        _limits(reader)
    elif kind == "memory":
        _limits(reader)
    elif kind == "global":
        _value_type(reader)
        reader.byte("mutability of a global")
    else:
        reader.byte("attribute of a tag")
        reader.u32("type of a tag")
    return Import(module, name, kind)


def read_export(reader: Reader) -> Export:
    """Read an entry of the export section."""
    name = reader.name("export's name")
    kind = _kind(reader)
    reader.u32(f"index of a {kind}")
    return Export(name, kind)


def _kind(reader: Reader) -> str:
    start = reader.at
    number = reader.byte("kind")
    if number >= len(_KINDS):
        raise NotAModule(f"there is no kind {number} of imports and exports", start)
    return _KINDS[number]


def _value_type(reader: Reader) -> None:
    if reader.byte("value type") in (0x63, 0x64):  # (ref null? heaptype), the one form of more than a byte
        reader.integer("heap type", 33)


def _limits(reader: Reader) -> None:
    start = reader.at
    flags = reader.byte("limits")
    if flags > 7:  # bit 0: a maximum follows; bit 1: shared; bit 2: 64-bit addresses
        raise NotAModule(f"there are no limits of form {flags}", start)
    bits = 64 if flags & 4 else 32
    reader.integer("minimum", bits)
    if flags & 1:
        reader.integer("maximum", bits)
