"""A checked CEL expression as messages that can be walked over.

Its tree, the places of its parts, and its bytes again.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

_FIELD = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "kuadrant.expression"
# What is looked at of a checked expression (cel-spec, checked.proto and syntax.proto), by number and type;
# `*` is a list. Whatever is not named here stays as it is.
_MESSAGES: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "Checked": {
        "references": (2, "*Referenced"),
        "types": (3, "*Typed"),
        "expression": (4, "Expression"),
        "source": (5, "Source"),
    },
    "Referenced": {"id": (1, "int"), "reference": (2, "Reference")},
    "Reference": {"name": (1, "text"), "overloads": (3, "*text")},
    "Typed": {"id": (1, "int"), "type": (2, "Type")},
    "Type": {
        "null": (2, "int"),
        "primitive": (3, "int"),
        "moment": (5, "int"),
        "list": (6, "Other"),
        "map": (7, "Other"),
        "message": (9, "text"),
        "type": (11, "Other"),
    },
    "Other": {},
    "Source": {"positions": (4, "*Position")},
    "Position": {"id": (1, "int"), "offset": (2, "int")},
    "Expression": {
        "id": (2, "int"),
        "constant": (3, "Constant"),
        "name": (4, "Name"),
        "select": (5, "Select"),
        "call": (6, "Call"),
        "list": (7, "List"),
        "struct": (8, "Struct"),
        "comprehension": (9, "Comprehension"),
    },
    "Constant": {
        "null": (1, "int"),
        "bool": (2, "int"),
        "int": (3, "int"),
        "uint": (4, "int"),
        "double": (5, "double"),
        "text": (6, "text"),
        "bytes": (7, "bytes"),
    },
    "Name": {"name": (1, "text")},
    "Select": {"operand": (1, "Expression"), "field": (2, "text"), "test_only": (3, "int")},
    "Call": {"target": (1, "Expression"), "function": (2, "text"), "arguments": (3, "*Expression")},
    "List": {"elements": (1, "*Expression"), "optional": (2, "*int")},
    "Struct": {"name": (1, "text"), "entries": (2, "*Entry")},
    "Entry": {"key": (3, "Expression"), "value": (4, "Expression"), "optional": (5, "int")},
    "Comprehension": {
        "variable": (1, "text"),
        "range": (2, "Expression"),
        "accumulator": (3, "text"),
        "start": (4, "Expression"),
        "condition": (5, "Expression"),
        "step": (6, "Expression"),
        "result": (7, "Expression"),
        "second_variable": (8, "text"),
    },
}
_SCALARS: Final = {
    "text": _FIELD.TYPE_STRING,
    "int": _FIELD.TYPE_INT64,
    "bytes": _FIELD.TYPE_BYTES,
    "double": _FIELD.TYPE_DOUBLE,
}


class TooDeepError(ValueError):
    """An expression is nested more deeply than its bytes can be read."""


def read(expression: bytes) -> Any:
    """The message for the bytes that the engine has for a checked expression.

    Raises:
        TooDeepError: It is nested too deeply.
    """
    try:
        return _checked().FromString(any_pb2.Any.FromString(expression).value)
    except DecodeError:
        raise TooDeepError("it is nested too deeply") from None


def written(checked: Any) -> bytes:
    """The bytes that the engine reads, for a message of :func:`read`."""
    packed = any_pb2.Any(type_url="type.googleapis.com/cel.expr.CheckedExpr")
    packed.value = checked.SerializeToString()
    return packed.SerializeToString()


def parts(expression: Any) -> list[Any]:
    """``expression`` and everything in it that is an expression; each before what it is made of."""
    found, waiting = [], [expression]
    while waiting:
        part = waiting.pop()
        found.append(part)
        waiting += reversed(children(part))
    return found


def children(part: Any) -> list[Any]:
    """The expressions that ``part`` is made of, in the order in which they are written."""
    match part.WhichOneof("kind"):
        case "select":
            return [part.select.operand]
        case "call":
            call = part.call
            return [call.target, *call.arguments] if call.HasField("target") else [*call.arguments]
        case "list":
            return [*part.list.elements]
        case "struct":
            return [
                one
                for entry in part.struct.entries
                for one in ((entry.key, entry.value) if entry.HasField("key") else (entry.value,))
            ]
        case "comprehension":
            loop = part.comprehension
            return [loop.range, loop.start, loop.condition, loop.step, loop.result]
    return []


def kind(expression: Any) -> str:
    """Return what kind an expression is, such as ``call``.

    The kinds are ``constant``, ``name``, ``select``, ``call``, ``list``, ``struct`` and ``comprehension``.
    """
    return expression.WhichOneof("kind") or ""


def offset_of(checked: Any, number: int) -> int:
    """Where the part of this number begins, in characters; 0 if that is not known."""
    return next((one.offset for one in checked.source.positions if one.id == number), 0)


def is_binding(loop: Any) -> bool:
    """Tell whether a comprehension is ``cel.bind``, or what ``optMap`` and ``optFlatMap`` are made of."""
    return kind(loop.range) == "list" and not loop.range.list.elements and loop.variable.startswith("#")


def pattern_of(call: Any) -> str | None:
    """The pattern of a call of ``matches``, if it is written there as a text."""
    pattern = call.call.arguments[-1].constant
    return str(pattern.text) if pattern.HasField("text") else None


@cache
def _checked() -> Any:
    # An empty text is a constant, too: the syntax is the one that tells it from none.
    file = descriptor_pb2.FileDescriptorProto(
        name="kuadrant/expression.proto", package=_PACKAGE, syntax="proto2"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if name == "Expression":
            message.oneof_decl.add(name="kind")
        for field, (number, form) in fields.items():
            one = message.field.add(name=field, number=number)
            one.label = _FIELD.LABEL_REPEATED if form.startswith("*") else _FIELD.LABEL_OPTIONAL
            of = form.removeprefix("*")
            one.type = _SCALARS.get(of, _FIELD.TYPE_MESSAGE)
            if name == "Expression" and field != "id":
                one.oneof_index = 0
            if of not in _SCALARS:
                one.type_name = f".{_PACKAGE}.{of}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Checked"))
