"""A wasm module: its bytes with their checksum, and what can be read from them without running them."""

from __future__ import annotations

import hashlib
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

_Entry = TypeVar("_Entry")

_MAGIC = b"\0asm"

# In the order that the WebAssembly core specification (section 5.5.17, and the exception handling extension for
# `tag`) demands within a module.
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
_KINDS = ("function", "table", "memory", "global", "tag")

_ABI_EXPORT = "proxy_abi_version_"

#: The functions that a proxy-wasm host offers under ``env`` (ABI 0.2.0, and ``proxy_get_log_level`` of 0.2.1).
HOST_FUNCTIONS = frozenset(
    "proxy_" + name
    for name in (
        "add_header_map_value",
        "call_foreign_function",
        "close_stream",
        "continue_stream",
        "define_metric",
        "dequeue_shared_queue",
        "done",
        "enqueue_shared_queue",
        "get_buffer_bytes",
        "get_buffer_status",
        "get_current_time_nanoseconds",
        "get_header_map_pairs",
        "get_header_map_size",
        "get_header_map_value",
        "get_log_level",
        "get_metric",
        "get_property",
        "get_shared_data",
        "get_status",
        "grpc_call",
        "grpc_cancel",
        "grpc_close",
        "grpc_send",
        "grpc_stream",
        "http_call",
        "increment_metric",
        "log",
        "record_metric",
        "register_shared_queue",
        "remove_header_map_value",
        "replace_header_map_value",
        "resolve_shared_queue",
        "send_local_response",
        "set_buffer_bytes",
        "set_effective_context",
        "set_header_map_pairs",
        "set_property",
        "set_shared_data",
        "set_tick_period_milliseconds",
    )
)

#: The functions of WASI (preview 1) that Envoy offers under ``wasi_snapshot_preview1``: all but those that make links.
WASI = "wasi_snapshot_preview1"
WASI_FUNCTIONS = frozenset(
    f"{group}_{name}"
    for group, names in {
        "args": ("get", "sizes_get"),
        "clock": ("res_get", "time_get"),
        "environ": ("get", "sizes_get"),
        "fd": (
            *(
                "advise",
                "allocate",
                "close",
                "datasync",
                "fdstat_get",
                "fdstat_set_flags",
                "fdstat_set_rights",
            ),
            *(
                "filestat_get",
                "filestat_set_size",
                "filestat_set_times",
                "pread",
                "prestat_dir_name",
                "prestat_get",
            ),
            *("pwrite", "read", "readdir", "renumber", "seek", "sync", "tell", "write"),
        ),
        "path": (
            *("create_directory", "filestat_get", "filestat_set_times", "open", "readlink"),
            *("remove_directory", "rename", "unlink_file"),
        ),
        "poll": ("oneoff",),
        "proc": ("exit",),
        "random": ("get",),
        "sched": ("yield",),
        "sock": ("accept", "recv", "send", "shutdown"),
    }.items()
    for name in names
)
_OFFERED = {"env": HOST_FUNCTIONS, WASI: WASI_FUNCTIONS}


@dataclass(frozen=True)
class Module:
    """A module as it is served; ``sha256`` (lower-case hex) is computed here from ``data`` and cannot be given.

    ``version``, ``dialects`` (the forms of configuration that it understands, the preferred one first) and ``source`` are
    those of the lock file, empty for a module that none names.
    """

    name: str
    data: bytes = field(repr=False)
    _: KW_ONLY
    version: str = ""
    dialects: tuple[str, ...] = ()
    source: str = ""
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.data).hexdigest())


class NotAModule(ValueError):  # noqa: N818 - it says what the bytes are
    """The bytes are no well-formed wasm module; ``offset`` is the byte at which that was seen."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"not a wasm module: {reason} (at byte {offset})")
        self.reason = reason
        self.offset = offset


class Section(Struct, frozen=True, gc=False):
    """A section: its name (a custom section's own name, as ``custom "name"``), where its content starts, its bytes."""

    name: str
    offset: int
    size: int


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


class Contents(Struct, frozen=True):
    """What a module's sections say about it, in the order of the bytes."""

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
        """The imports that a proxy-wasm host does not offer; a module with any of them is refused when it is loaded."""
        return tuple(
            wanted
            for wanted in self.imports
            if wanted.kind != "function" or wanted.name not in _OFFERED.get(wanted.module, ())
        )

    @property
    def problems(self) -> tuple[str, ...]:
        """Why a proxy-wasm host would refuse the module, a sentence each; empty if nothing is known against it."""
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

    The frame (header, section order and sizes) and the import and export sections are checked in full, code is not.

    Raises:
        NotAModule: ``data`` is something else, is cut short or contradicts itself.
    """
    _check_header(data)
    sections: list[Section] = []
    imports: tuple[Import, ...] = ()
    exports: tuple[Export, ...] = ()
    reader = _Reader(data, len(_MAGIC) + 4, len(data))
    position = -1
    while reader.at < reader.end:
        start = reader.at
        number = reader.byte("section number")
        size = reader.u32("section size")
        if size > reader.end - reader.at:
            raise NotAModule(f"section of {size} bytes in the last {reader.end - reader.at}", start)
        content = _Reader(data, reader.at, reader.at + size)
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
            imports = _entries(content, _import, "import")
        elif number == 7:
            exports = _entries(content, _export, "export")
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


class _Reader:
    """Reads values of the binary format from ``data[at:end]``; whatever is not there is a `NotAModule`."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data = data
        self.at = at
        self.end = end

    def byte(self, what: str) -> int:
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
        return self.integer(what, 32)

    def name(self, what: str) -> str:
        size = self.u32(f"length of {what}")
        start = self.at
        if size > self.end - start:
            raise NotAModule(f"{what} of {size} bytes in the last {self.end - start}", start)
        self.at += size
        try:
            return self.data[start : self.at].decode()
        except UnicodeDecodeError as error:
            raise NotAModule(f"{what} is not UTF-8", start + error.start) from None


def _entries(reader: _Reader, read: Callable[[_Reader], _Entry], what: str) -> tuple[_Entry, ...]:
    count = reader.u32(f"number of {what}s")
    # Every entry takes at least three bytes, so a false count ends at the section's end.
    entries = tuple(read(reader) for _ in range(count))
    if reader.at != reader.end:
        raise NotAModule(f"{what} section goes on after its last entry", reader.at)
    return entries


def _import(reader: _Reader) -> Import:
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


def _export(reader: _Reader) -> Export:
    name = reader.name("export's name")
    kind = _kind(reader)
    reader.u32(f"index of a {kind}")
    return Export(name, kind)


def _kind(reader: _Reader) -> str:
    start = reader.at
    number = reader.byte("kind")
    if number >= len(_KINDS):
        raise NotAModule(f"there is no kind {number} of imports and exports", start)
    return _KINDS[number]


def _value_type(reader: _Reader) -> None:
    if reader.byte("value type") in (0x63, 0x64):  # (ref null? heaptype), the one form of more than a byte
        reader.integer("heap type", 33)


def _limits(reader: _Reader) -> None:
    start = reader.at
    flags = reader.byte("limits")
    if flags > 7:  # bit 0: a maximum follows; bit 1: shared; bit 2: 64-bit addresses
        raise NotAModule(f"there are no limits of form {flags}", start)
    bits = 64 if flags & 4 else 32
    reader.integer("minimum", bits)
    if flags & 1:
        reader.integer("maximum", bits)
