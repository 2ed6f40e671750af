"""Reads a wasm module without running it: its sections, and why a host could not load it."""

from __future__ import annotations

from msgspec import Struct

from kuadrant.wasm.host_functions import OFFERED
from kuadrant.wasm.wasm_binary import Export, Import, NotAModule, Reader, entries, read_export, read_import

_MAGIC = b"\0asm"

# In the order that the WebAssembly core specification (section 5.5.17, and the exception handling extension
# for `tag`) demands within a module.
_SECTIONS = {
    1: "type",
    2: "import",
    3: "function",
    4: "table",
    5: "memory",
    13: "tag",
    6: "global",
    7: "export",
    8: "start",
    9: "element",
    12: "data count",
    10: "code",
    11: "data",
}
_POSITION = {number: position for position, number in enumerate(_SECTIONS)}
_ABI_EXPORT = "proxy_abi_version_"


class Section(Struct, frozen=True, gc=False):
    """A section of a module.

    Attributes:
        name: What it is; a custom section's own name as ``custom "name"``.
        offset: The byte at which its content starts.
        size: How many bytes its content has.
    """

    name: str
    offset: int
    size: int


class Contents(Struct, frozen=True):
    """The facts that a module's sections tell, in the order of the bytes."""

    sections: tuple[Section, ...]
    imports: tuple[Import, ...]
    exports: tuple[Export, ...]

    @property
    def abi_versions(self) -> tuple[str, ...]:
        """The proxy-wasm ABI versions that the module is written for, such as ``0.2.1``."""
        return tuple(
            export.name.removeprefix(_ABI_EXPORT).replace("_", ".")
            for export in self.exports
            if export.kind == "function" and export.name.startswith(_ABI_EXPORT)
        )

    @property
    def lacking(self) -> tuple[Import, ...]:
        """The imports that a proxy-wasm host does not offer; with any of them it refuses the module."""
        return tuple(
            wanted
            for wanted in self.imports
            if wanted.kind != "function" or wanted.name not in OFFERED.get(wanted.module, ())
        )

    @property
    def problems(self) -> tuple[str, ...]:
        """Objections of a proxy-wasm host to the module, a sentence each; empty if there is none."""
        exports = {(export.name, export.kind) for export in self.exports}
        found = [f"it imports {wanted}, which a proxy-wasm host does not offer" for wanted in self.lacking]
        if not self.abi_versions:
            found.append(f"it exports no function {_ABI_EXPORT}*, so a host cannot tell which ABI it speaks")
        if ("memory", "memory") not in exports:
            found.append("it exports no memory named memory, so a host cannot pass it anything")
        if not exports & {("proxy_on_memory_allocate", "function"), ("malloc", "function")}:
            found.append(
                "it exports neither proxy_on_memory_allocate nor malloc, so a host cannot pass it anything"
            )
        return tuple(found)


def inspect(data: bytes) -> Contents:
    """Return what the sections of ``data`` say.

    The frame (header, section order and sizes) and the import and export sections are checked in full, code
    is not.

    Raises:
        NotAModule: ``data`` is something else, is cut short or contradicts itself.
    """
    _check_header(data)
    sections: list[Section] = []
    imports: tuple[Import, ...] = ()
    exports: tuple[Export, ...] = ()
    reader = Reader(data, len(_MAGIC) + 4, len(data))
    position = -1
    while reader.at < reader.end:
        start = reader.at
        number = reader.byte("section number")
        size = reader.u32("section size")
        if size > reader.end - reader.at:
            raise NotAModule(f"section of {size} bytes in the last {reader.end - reader.at}", start)
        content = Reader(data, reader.at, reader.at + size)
        reader.at = content.end
        if number == 0:
            offset = content.at
            sections.append(Section(f'custom "{content.name("custom section name")}"', offset, size))
            continue
        if number not in _SECTIONS:
            raise NotAModule(f"there is no section number {number}", start)
        if _POSITION[number] <= position:
            raise NotAModule(f"{_SECTIONS[number]} section is repeated or out of order", start)
        position = _POSITION[number]
        sections.append(Section(_SECTIONS[number], content.at, size))
        if number == 2:
            imports = entries(content, read_import, "import")
        elif number == 7:
            exports = entries(content, read_export, "export")
    return Contents(sections=tuple(sections), imports=imports, exports=exports)


def _check_header(data: bytes) -> None:
    if data[:2] == b"\x1f\x8b":
        raise NotAModule("it is compressed with gzip", 0)
    if data[:4] != _MAGIC:
        raise NotAModule("it does not begin with the bytes 00 61 73 6d", 0)
    if data[4:8] == b"\x0d\0\x01\0":
        raise NotAModule("it is a component, not a core module", 4)
    if data[4:8] != b"\x01\0\0\0":
        raise NotAModule("its version is not 1", 4)
