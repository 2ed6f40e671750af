"""The text of a part of an expression, the same for parts that have the same value.

However a header is named, and whatever a value is called, its text is one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from kuadrant.policy.attributes import ATTRIBUTES, OPEN_ROOTS, TABLE
from kuadrant.policy.cel_conformance import as_written
from kuadrant.policy.checked_expression import is_binding, kind

Names = Mapping[str, str]
"""The texts that variables stand for."""

HEADERS: Final = "request.headers"
METADATA: Final = "filter_metadata"
"""The field of what is no map: of the metadata of a request, a route or a cluster."""
_ROOTS: Final = frozenset((*ATTRIBUTES, *OPEN_ROOTS))
_HEADERS_BY_ATTRIBUTE: Final = {one.name: one.header for one in TABLE if one.header}
_INFIX: Final = {
    "_&&_": "&&",
    "_||_": "||",
    "_==_": "==",
    "_!=_": "!=",
    "_<_": "<",
    "_<=_": "<=",
    "_>_": ">",
    "_>=_": ">=",
    "_+_": "+",
    "_-_": "-",
    "_*_": "*",
    "_/_": "/",
    "_%_": "%",
    "@in": "in",
}
_OF_THE_SAME_LENGTH: Final = frozenset({"lowerAscii", "upperAscii", "reverse"})


def quoted(text: str) -> str:
    """``text`` as expressions write it."""
    return "'" + json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


def entry(of: str, name: str) -> str:
    """The text of the entry ``name``, a text of a part, of the map ``of``."""
    return f"{of}[{name.lower() if of == HEADERS else name}]"


def measured(part: Any, names: Names = MappingProxyType({})) -> str:
    """The text of a part as far as its length counts: that of ``a.lowerAscii()`` is that of ``a``."""
    while part.call.function in _OF_THE_SAME_LENGTH and part.call.HasField("target"):
        part = part.call.target
    return text_of(part, names)


def text_of(part: Any, names: Names = MappingProxyType({})) -> str:  # noqa: PLR0911 - one for each kind
    """The text of ``part``; ``names`` are the texts of what is named around it."""
    match kind(part):
        case "constant":
            return _constant(part.constant)
        case "name":
            name = part.name.name
            return names.get(name, str(name))
        case "select":
            text = field_text(part, names)
            return f"has({text})" if part.select.test_only else text
        case "call":
            return _call(part.call, names)
        case "list":
            return f"[{', '.join(text_of(one, names) for one in part.list.elements)}]"
        case "struct":
            entries = (
                f"{text_of(one.key, names)}: {text_of(one.value, names)}" for one in part.struct.entries
            )
            return f"{part.struct.name}{{{', '.join(entries)}}}"
        case "comprehension":
            return _loop(part.comprehension, names)
    return ""


def _constant(constant: Any) -> str:
    if constant.HasField("text"):
        return quoted(constant.text)
    if constant.HasField("bool"):
        return "true" if constant.bool else "false"
    if constant.HasField("uint"):
        return f"{constant.uint}u"
    for field in ("int", "double", "bytes"):
        if constant.HasField(field):
            return str(getattr(constant, field))
    return "null"


def field_text(part: Any, names: Names) -> str:
    """The text of what a select names, also of one that only asks for it."""
    operand, field = text_of(part.select.operand, names), part.select.field
    name = f"{operand}.{field}"
    if name in _HEADERS_BY_ATTRIBUTE:
        return entry(HEADERS, quoted(_HEADERS_BY_ATTRIBUTE[name]))
    return name if operand in _ROOTS or field == METADATA else entry(operand, quoted(field))


def _call(call: Any, names: Names) -> str:  # noqa: PLR0911 - one for each form
    function, arguments = as_written(call.function), [text_of(one, names) for one in call.arguments]
    if call.HasField("target"):
        target = text_of(call.target, names)
        return f"size({target})" if function == "size" else f"{target}.{function}({', '.join(arguments)})"
    if function.startswith("@header"):  # what puts a name in lower case, which nobody has written
        return arguments[0]
    match function:
        case "_[_]":
            return entry(*arguments)
        case "_[?_]" | "_?._":
            return entry(arguments[0], f"?{arguments[1]}")
        case "_?_:_":
            return "({} ? {} : {})".format(*arguments)
        case "!_" | "-_":
            return f"{function[0]}{arguments[0]}"
        case _ if function in _INFIX:
            return f"({arguments[0]} {_INFIX[function]} {arguments[1]})"
        case _:
            return f"{function}({', '.join(arguments)})"


def bound_text(part: Any, names: Names) -> str:
    """Return the text that stands for ``part`` wherever a name for it is read."""
    return _short(text_of(part, names))


_LONGEST_BOUND: Final = 200


def _short(text: str) -> str:
    # A name of a name doubles a text each time: what is long is told apart, and no longer read.
    return text if len(text) <= _LONGEST_BOUND else f"#{sha256(text.encode()).hexdigest()}"


def _loop(loop: Any, names: Names) -> str:
    over, start = text_of(loop.range, names), text_of(loop.start, names)
    if is_binding(loop):
        return text_of(loop.result, {**names, loop.accumulator: _short(start)})
    depth = len(names)
    own = {loop.variable: f"#{depth}", loop.second_variable: f"#{depth}b", loop.accumulator: f"#{depth}a"}
    within = {**names, **own}
    steps = (text_of(one, within) for one in (loop.condition, loop.step, loop.result))
    return f"#({over}, {start}, {', '.join(steps)})"
