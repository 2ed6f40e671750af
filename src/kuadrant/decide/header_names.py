"""Names of headers in expressions: the gateway finds a header in whatever case an expression names it, and lists it in lower case."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool
from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

_FIELD = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "kuadrant.expression"
# What is looked at of a checked expression (cel-spec, checked.proto and syntax.proto), by number and type; `*` is a list, no type a
# text. Whatever is not named here stays as it is.
_MESSAGES: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "Checked": {"expression": (4, "Expression")},
    "Expression": {
        "constant": (3, "Constant"),
        "name": (4, "Name"),
        "select": (5, "Select"),
        "call": (6, "Call"),
        "list": (7, "List"),
        "struct": (8, "Struct"),
        "comprehension": (9, "Comprehension"),
    },
    "Constant": {"text": (6, "")},
    "Name": {"name": (1, "")},
    "Select": {"operand": (1, "Expression"), "field": (2, "")},
    "Call": {"target": (1, "Expression"), "function": (2, ""), "arguments": (3, "*Expression")},
    "List": {"elements": (1, "*Expression")},
    "Struct": {"entries": (2, "*Entry")},
    "Entry": {"key": (3, "Expression"), "value": (4, "Expression")},
    "Comprehension": {
        "range": (2, "Expression"),
        "start": (4, "Expression"),
        "condition": (5, "Expression"),
        "step": (6, "Expression"),
        "result": (7, "Expression"),
    },
}


def in_lower_case(expression: bytes) -> bytes:
    """Return a checked expression, serialized, that names headers in lower case where ``expression`` names them by a constant."""
    packed = any_pb2.Any.FromString(expression)
    checked = _checked().FromString(packed.value)
    for one in _expressions(checked.expression):
        _lower(one)
    packed.value = checked.SerializeToString()
    return packed.SerializeToString()


def _lower(expression: Any) -> None:
    if _is_headers(expression.select.operand):
        expression.select.field = expression.select.field.lower()
    match expression.call.function, [*expression.call.arguments]:
        case ("_[_]", [headers, name]) | ("@in", [name, headers]) if _is_headers(headers):
            if name.constant.text:
                name.constant.text = name.constant.text.lower()


def _is_headers(expression: Any) -> bool:
    return bool(expression.select.field == "headers" and expression.select.operand.name.name == "request")


def _expressions(message: Message) -> Iterator[Any]:
    """``message``, an expression or a part of one, and everything in it that is an expression."""
    if message.DESCRIPTOR.name == "Expression":
        yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else (value,):
                yield from _expressions(part)


@cache
def _checked() -> Any:
    # An empty text is a constant, too: the syntax is the one that tells it from none.
    file = descriptor_pb2.FileDescriptorProto(
        name="kuadrant/expression.proto", package=_PACKAGE, syntax="proto2"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            one = message.field.add(name=field, number=number)
            one.label = _FIELD.LABEL_REPEATED if kind.startswith("*") else _FIELD.LABEL_OPTIONAL
            one.type = _FIELD.TYPE_MESSAGE if kind else _FIELD.TYPE_STRING
            if kind:
                one.type_name = f".{_PACKAGE}.{kind.removeprefix('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Checked"))
