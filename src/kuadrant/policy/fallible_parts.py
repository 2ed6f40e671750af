"""Tells what a part of an expression needs of a request, if it fails without that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from kuadrant.policy.cel_conformance import as_written
from kuadrant.policy.checked_expression import kind
from kuadrant.policy.expression_text import HEADERS, METADATA, field_text, measured, text_of

Names = Mapping[str, str]
Kind = Literal["entry", "length", "found", "optional", "conversion", "nonzero"]


class Need(Struct, frozen=True, gc=False):
    """Holds what a part needs, by the texts of parts.

    That ``of`` has an ``entry`` with the text ``what``; a ``length`` of at least ``least``; that the text
    ``what`` is ``found`` in it; that the ``optional`` has a value; that the function ``what`` can take it
    (``conversion``); or that it is ``nonzero``.
    """

    kind: Kind
    of: str
    what: str = ""
    least: int = 0
    is_list: bool = False

    @property
    def subject(self) -> tuple[str, str, str]:
        """Return what of a request decides whether it is met: two needs can be of one."""
        return self.kind, self.of, self.what


ALWAYS: Final = frozenset({":authority", ":path", ":method", ":scheme", "host"}) | frozenset(
    {"x-forwarded-for", "x-forwarded-proto", "x-request-id"}
)
"""Headers that each request has at a gateway: Envoy writes the last ones, whatever a client sends."""
_LEAST: Final = {
    "request.path": 1,
    "request.url_path": 1,
    "request.method": 1,
    "request.host": 1,
    "request.scheme": 4,
    "request.protocol": 6,
    "source.address": 4,
    "source.remote_address": 2,
    "destination.address": 4,
    # A rule is for paths that begin with a slash, and an address has its port behind a colon.
    "request.path.split('/')": 2,
    "request.url_path.split('/')": 2,
    "source.address.split(':')": 2,
    "destination.address.split(':')": 2,
}
# As of lengths: paths begin with a slash, and addresses have their port behind a colon.
_ALWAYS_FOUND: Final = frozenset(
    {
        ("request.path", "'/'"),
        ("request.url_path", "'/'"),
        ("source.address", "':'"),
        ("destination.address", "':'"),
    }
)
_CONVERSIONS: Final = frozenset({"int", "uint", "double", "bool", "duration", "timestamp"})
_DOUBLE: Final = 4
_TEXT: Final = 5
"""Numbers of primitive types."""
_SEARCHES: Final = frozenset({"indexOf", "lastIndexOf"})


def least(of: str) -> int:
    """Return how long the part with this text is at least, by itself."""
    if of in _LEAST:
        return _LEAST[of]
    # What is split at something has one piece at least.
    return 1 if ".split('" in of and of.endswith("')") and not of.endswith(".split('')") else 0


def need(part: Any, names: Names, types: Mapping[int, Any]) -> Need | None:
    """Return what ``part`` needs of a request; None if it fails by nothing that is known."""
    found = _need(part, names, types)
    if found is None or (found.of.startswith("xds") and METADATA not in found.of):
        return None  # of what the gateway is configured with, metadata alone are a map
    if found.kind == "length" and found.least <= least(found.of):
        return None
    if found.kind == "found" and (found.of, found.what) in _ALWAYS_FOUND:
        return None
    return found


def needed(part: Any) -> Need | None:
    """Return what ``part`` may lack, of whatever types it is made, also of what other filters say."""
    return _need(part, {}, {})


def _need(  # noqa: PLR0911 - one for each kind
    part: Any, names: Names, types: Mapping[int, Any]
) -> Need | None:
    if kind(part) == "select":
        return _of_select(part, names)
    if kind(part) != "call":
        return None
    call = part.call
    match as_written(call.function):
        case "_[_]":
            return _of_index(call.arguments[0], call.arguments[1], names, types)
        case "value" if call.HasField("target") and not call.arguments:
            return Need("optional", text_of(call.target, names))
        case "substring" | "charAt" if call.HasField("target"):
            return _of_text(call, names)
        case "_/_" | "_%_":
            divisor = call.arguments[1]
            is_known = kind(divisor) == "constant"
            is_double = types.get(divisor.id) is not None and types[divisor.id].primitive == _DOUBLE
            return None if is_known or is_double else Need("nonzero", text_of(divisor, names))
        case function if function in _CONVERSIONS and len(call.arguments) == 1:
            taken = call.arguments[0]
            if kind(taken) == "constant" or not _may_be_text(types.get(taken.id)):
                return None
            return Need("conversion", text_of(taken, names), function)
    return None


def _may_be_text(of: Any) -> bool:
    if of is None:
        return True
    if of.HasField("primitive"):
        return bool(of.primitive == _TEXT)
    return not any(of.HasField(field) for field in ("null", "moment", "list", "map", "message", "type"))


def _of_select(part: Any, names: Names) -> Need | None:
    return None if part.select.test_only else entry_of(part, names)


def entry_of(part: Any, names: Names) -> Need | None:
    """Return the entry that a select names; None if it is an attribute that each request has."""
    text = field_text(part, names)
    if not text.endswith("]"):
        return None
    of = HEADERS if text.startswith(f"{HEADERS}[") else text_of(part.select.operand, names)
    return Need("entry", of, text[len(of) + 1 : -1])


def _of_index(container: Any, key: Any, names: Names, types: Mapping[int, Any]) -> Need | None:
    of, what = text_of(container, names), text_of(key, names)
    if kind(container) == "struct" and any(text_of(one.key) == what for one in container.struct.entries):
        return None
    is_number = key.constant.HasField("int")
    kept = types.get(container.id)
    if kept is not None and kept.HasField("list"):
        if not is_number or key.constant.int < 0:  # which is refused
            return None
        return _of_place(container, of, key.constant.int)
    if kept is None or not kept.HasField("map"):
        return _of_place(container, of, key.constant.int) if is_number else Need("entry", of, what)
    return Need("entry", of, what.lower() if of == HEADERS else what)


def _of_place(container: Any, of: str, place: int) -> Need | None:
    if kind(container) == "list" and not container.list.optional:
        return None
    return Need("length", of, least=place + 1, is_list=True)


def _of_text(call: Any, names: Names) -> Need | None:
    of = measured(call.target, names)
    for one in call.arguments:
        if one.call.function in _SEARCHES and measured(one.call.target, names) == of:
            return Need("found", of, text_of(one.call.arguments[0], names))
        if not one.constant.HasField("int"):
            return None
    longest = max(one.constant.int for one in call.arguments)
    return Need("length", of, least=longest) if longest > 0 else None
