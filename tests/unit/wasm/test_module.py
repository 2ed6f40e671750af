"""What is read from a module's bytes, and what is said about bytes that are none."""

from __future__ import annotations

import hashlib

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.wasm.host_functions import WASI
from kuadrant.wasm.module import Module
from kuadrant.wasm.module_contents import Section, inspect
from kuadrant.wasm.wasm_binary import Export, Import, NotAModule

# What follows builds wasm modules byte by byte, so that a test says which byte is wrong.

HEADER = b"\0asm\x01\0\0\0"


def number(value: int) -> bytes:
    """Encode an unsigned LEB128 number."""
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def name(text: str) -> bytes:
    return number(len(text.encode())) + text.encode()


def vector(*entries: bytes) -> bytes:
    return number(len(entries)) + b"".join(entries)


def section(identifier: int, content: bytes) -> bytes:
    return bytes([identifier]) + number(len(content)) + content


def custom(title: str, content: bytes = b"") -> bytes:
    return section(0, name(title) + content)


def imported(module: str, field: str, description: bytes = b"\0\0") -> bytes:
    return name(module) + name(field) + description


def exported(field: str, kind: int = 0, index: int = 0) -> bytes:
    return name(field) + bytes([kind]) + number(index)


def imports(*entries: bytes) -> bytes:
    return section(2, vector(*entries))


def exports(*entries: bytes) -> bytes:
    return section(7, vector(*entries))


#: One type, ``() -> ()``.
TYPES = section(1, vector(b"\x60\0\0"))

#: What every proxy-wasm module exports, each function being the first one there is.
PROXY_EXPORTS = (
    exported("proxy_abi_version_0_2_1"),
    exported("proxy_on_memory_allocate"),
    exported("memory", kind=2),
)

#: A complete module that a proxy-wasm host would load: it imports proxy_done and has a memory.
PROXY_MODULE = (
    HEADER
    + TYPES
    + imports(imported("env", "proxy_done"))
    + section(5, vector(b"\0\x01"))
    + exports(*PROXY_EXPORTS)
    + custom("name")
)


def test_the_checksum_is_of_the_bytes_that_the_module_holds() -> None:
    assert Module("shim", PROXY_MODULE).sha256 == hashlib.sha256(PROXY_MODULE).hexdigest()


def test_a_checksum_cannot_be_given() -> None:
    with pytest.raises(TypeError):
        Module("shim", PROXY_MODULE, "0" * 64)  # type: ignore[call-arg]


def test_the_module_that_the_tests_build_is_one_for_a_real_engine_too() -> None:
    wasmtime.Module.validate(wasmtime.Engine(), PROXY_MODULE)


def test_sections_imports_and_exports_are_listed_in_the_order_of_the_bytes() -> None:
    contents = inspect(PROXY_MODULE)
    assert contents.sections == (
        Section("type", 10, 4),
        Section("import", 16, 18),
        Section("memory", 36, 3),
        Section("export", 41, 63),
        Section('custom "name"', 106, 5),
    )
    assert contents.imports == (Import("env", "proxy_done", "function"),)
    assert contents.exports == (
        Export("proxy_abi_version_0_2_1", "function"),
        Export("proxy_on_memory_allocate", "function"),
        Export("memory", "memory"),
    )


def test_an_empty_module_is_a_module() -> None:
    assert inspect(HEADER).sections == ()


def test_every_abi_version_that_is_exported_is_named() -> None:
    both = exports(exported("proxy_abi_version_0_1_0"), exported("proxy_abi_version_0_2_0"))
    assert inspect(HEADER + both).abi_versions == ("0.1.0", "0.2.0")


@pytest.mark.parametrize(
    ("description", "kind"),
    [
        (b"\0\0", "function"),
        (b"\x01\x70\0\x01", "table"),
        (b"\x01\x70\x01\x01\x02", "table"),
        (b"\x01\x63\x70\0\x01", "table"),
        (b"\x02\0\x01", "memory"),
        (b"\x02\x03\x01\x80\x80\x04", "memory"),
        (b"\x02\x04" + number(2**63), "memory"),
        (b"\x03\x7f\0", "global"),
        (b"\x04\0\0", "tag"),
    ],
)
def test_an_import_of_any_kind_is_read_to_its_end(description: bytes, kind: str) -> None:
    contents = inspect(HEADER + imports(imported("env", "it", description), imported("env", "next")))
    assert contents.imports == (Import("env", "it", kind), Import("env", "next", "function"))


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (imported("env", "proxy_log"), ()),
        (imported("env", "proxy_get_log_level"), ()),
        (imported("env", "proxy_no_such_thing"), ("function env.proxy_no_such_thing",)),
        (imported(WASI, "fd_write"), ()),
        (imported("wasi_snapshot_preview1", "proxy_log"), ("function wasi_snapshot_preview1.proxy_log",)),
        (imported("wasi_unstable", "fd_write"), ("function wasi_unstable.fd_write",)),
        (imported("wasi", "proxy_log"), ("function wasi.proxy_log",)),
        (imported("env", "memory", b"\x02\0\x01"), ("memory env.memory",)),
        (imported("env", "proxy_log", b"\x03\x7f\0"), ("global env.proxy_log",)),
    ],
)
def test_only_the_proxy_functions_of_env_and_those_of_wasi_are_there_for_a_module(
    wanted: bytes, told: tuple[str, ...]
) -> None:
    assert tuple(map(str, inspect(HEADER + imports(wanted)).lacking)) == told


def test_nothing_is_said_against_a_module_that_a_host_can_load() -> None:
    assert inspect(PROXY_MODULE).problems == ()


@pytest.mark.parametrize(
    ("left_out", "problem"),
    [
        (0, "it exports no function proxy_abi_version_*, so a host cannot tell which ABI it speaks"),
        (1, "it exports neither proxy_on_memory_allocate nor malloc, so a host cannot pass it anything"),
        (2, "it exports no memory named memory, so a host cannot pass it anything"),
    ],
)
def test_a_module_without_what_every_host_needs_has_a_problem(left_out: int, problem: str) -> None:
    rest = [entry for position, entry in enumerate(PROXY_EXPORTS) if position != left_out]
    assert inspect(HEADER + exports(*rest)).problems == (problem,)


def test_an_import_that_no_host_offers_is_a_problem() -> None:
    module = HEADER + imports(imported("wasi_unstable", "fd_write")) + exports(*PROXY_EXPORTS)
    assert inspect(module).problems == (
        "it imports function wasi_unstable.fd_write, which a proxy-wasm host does not offer",
    )


@pytest.mark.parametrize(
    ("data", "reason", "offset"),
    [
        (b"", "it does not begin with the bytes 00 61 73 6d", 0),
        (b"\0as", "it does not begin with the bytes 00 61 73 6d", 0),
        (b"<!doctype html>", "it does not begin with the bytes 00 61 73 6d", 0),
        (b"\x1f\x8b\x08", "it is compressed with gzip", 0),
        (b"\0asm\x01\0\0", "its version is not 1", 4),
        (b"\0asm\x02\0\0\0", "its version is not 1", 4),
        (b"\0asm\x0d\0\x01\0", "it is a component, not a core module", 4),
        (HEADER + b"\x01", "section size is missing", 9),
        (HEADER + b"\x01\x04\x01\x60\0", "section of 4 bytes in the last 3", 8),
        (HEADER + b"\x0e\0", "there is no section number 14", 8),
        (HEADER + b"\x01\xff\xff\xff\xff\x7f", "section size is not a number of 32 bits", 9),
        (HEADER + b"\x01\x80\x80\x80\x80\x80\0", "section size is not a number of 32 bits", 9),
        (HEADER + TYPES + TYPES, "type section is repeated or out of order", 14),
        (HEADER + exports() + imports(), "import section is repeated or out of order", 11),
        (HEADER + section(0, b"\x05abc"), "custom section name of 5 bytes in the last 3", 11),
        (HEADER + section(0, b"\x03a\xffc"), "custom section name is not UTF-8", 12),
        (HEADER + section(2, b"\x02" + imported("a", "b")), "length of import's module name is missing", 17),
        (HEADER + section(2, b"\0\0"), "import section goes on after its last entry", 11),
        (HEADER + imports(imported("a", "b", b"\x05\0")), "there is no kind 5 of imports and exports", 15),
        (HEADER + imports(imported("a", "b", b"\x02\x08\0")), "there are no limits of form 8", 16),
        (HEADER + section(7, number(2**32 - 1)), "length of export's name is missing", 15),
        (HEADER + section(7, vector(name("a") + b"\0")), "index of a function is missing", 14),
    ],
)
def test_what_is_wrong_and_where_is_told(data: bytes, reason: str, offset: int) -> None:
    with pytest.raises(NotAModule) as caught:
        inspect(data)
    assert (caught.value.reason, caught.value.offset) == (reason, offset)
    assert str(caught.value) == f"not a wasm module: {reason} (at byte {offset})"


def test_the_offset_says_where_the_bytes_end_when_the_file_was_cut_short() -> None:
    for length in range(8, len(PROXY_MODULE)):
        try:
            inspect(PROXY_MODULE[:length])
        except NotAModule as error:
            assert 8 <= error.offset <= length  # noqa: PT017 - a cut between two sections is no error


def test_custom_sections_may_stand_anywhere_and_more_than_once() -> None:
    data = HEADER + custom("a") + TYPES + custom("a") + exports() + custom("b")
    assert [part.name for part in inspect(data).sections] == [
        'custom "a"',
        "type",
        'custom "a"',
        "export",
        'custom "b"',
    ]


@given(st.binary(max_size=200))
def test_any_bytes_after_a_good_header_are_read_or_refused_at_an_offset_within_them(garbage: bytes) -> None:
    try:
        inspect(HEADER + garbage)
    except NotAModule as error:
        assert 8 <= error.offset <= len(HEADER + garbage)  # noqa: PT017


@given(st.integers(8, len(PROXY_MODULE) - 1), st.integers(0, 255))
def test_any_changed_byte_is_read_or_refused_at_an_offset_within_the_module(position: int, byte: int) -> None:
    data = bytearray(PROXY_MODULE)
    data[position] = byte
    try:
        inspect(bytes(data))
    except NotAModule as error:
        assert 8 <= error.offset <= len(data)  # noqa: PT017
