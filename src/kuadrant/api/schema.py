"""Structural schemas (OpenAPI v3 as the API server takes it) of the structs that documents are read into."""

import inspect
import re
import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta

from kuadrant.api.fields import Fields

Schema = dict[str, Any]
Arguments = tuple[Any, ...]
ANYTHING = "x-kubernetes-preserve-unknown-fields"


def schema(struct: type[Fields]) -> Schema:
    """Return the schema of ``struct``: its fields, their constraints, defaults and descriptions.

    Fields that are accepted but not read (``unread``) are not in it: the API server drops them.
    """
    fields = msgspec.structs.fields(struct)
    result: Schema = {
        "description": _docstring(struct),
        "type": "object",
        "properties": {field.encode_name: _field(field) for field in fields},
    }
    required = [
        field.encode_name
        for field in fields
        if field.default is NODEFAULT and field.default_factory is NODEFAULT
    ]
    if required:
        result["required"] = required
    return result


def union(one: Schema, other: Schema, names: tuple[str, str]) -> Schema:
    """Return a schema that keeps every field of ``one`` and of ``other`` and takes what either of them takes.

    ``names`` tell whose a field is that only one of them has. Values of different types cannot be typed in a
    structural schema: anything is kept there.
    """
    if one.get("type") != other.get("type"):
        return {"description": one["description"], ANYTHING: True}
    result = {key: value for key, value in one.items() if other.get(key) == value}
    result |= {key: one[key] for key in ("description", "default") if key in one}
    if "properties" in one:
        result["properties"] = _union_of_properties(one, other, names)
        required = [name for name in one.get("required", ()) if name in other.get("required", ())]
        result |= {"required": required} if required else {}
    for below in one.keys() & {"items", "additionalProperties"}:
        result[below] = union(one[below], other[below], names)
    if "enum" in one and "enum" in other:
        result["enum"] = list(dict.fromkeys((*one["enum"], *other["enum"])))
    for bound, wider in _WIDER.items():
        if bound in one and bound in other:
            result[bound] = wider(one[bound], other[bound])
    return {key: result[key] for key in one if key in result}


_WIDER: dict[str, Callable[[int, int], int]] = {
    "minLength": min,
    "minItems": min,
    "minimum": min,
    "maxLength": max,
    "maxItems": max,
    "maxProperties": max,
    "maximum": max,
}


def _union_of_properties(one: Schema, other: Schema, names: tuple[str, str]) -> Schema:
    ours, theirs = one["properties"], other["properties"]
    result: Schema = {}
    for name in dict.fromkeys((*ours, *theirs)):
        if name in ours and name in theirs:
            result[name] = union(ours[name], theirs[name], names)
        else:
            part, version = (ours[name], names[0]) if name in ours else (theirs[name], names[1])
            result[name] = part | {"description": f"({version}) {part['description']}"}
    return result


def _field(field: msgspec.structs.FieldInfo) -> Schema:
    filled_in = _filled_in(field.default)
    return _of(field.type, {}) | ({"default": filled_in} if filled_in else {})


def _filled_in(default: Any) -> Any:
    """Return what the API server fills in: a value of a struct that is more than the absence of one."""
    if isinstance(default, Fields):
        below = {
            field.encode_name: _filled_in(getattr(default, field.name))
            for field in msgspec.structs.fields(default)
        }
        return {name: value for name, value in below.items() if value}
    return default if isinstance(default, (str, int)) else None


def _of(annotation: Any, meta: Schema) -> Schema:
    """Return the schema of a type annotation, as the structs use them.

    ``meta`` is what is said of it from outside.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        said: Schema = {}
        for one in arguments[1:]:
            if isinstance(one, Meta):
                said |= {name: value for name, value in one.__rich_repr__() if value is not None}
        return _of(arguments[0], said | meta)
    present = [one for one in arguments if one is not type(None)]
    if origin in (Union, types.UnionType) and len(present) == 1:
        return _of(present[0], meta)
    if isinstance(annotation, type) and issubclass(annotation, Fields):
        result = schema(annotation)
    else:
        result = _SHAPES[origin or annotation](arguments, meta)
    result |= meta.get("extra_json_schema", {})
    description = meta.get("description") or result.get("description")
    result.pop("description", None)
    return {"description": description, **result} if description else result


def _constraints(meta: Schema, **names: str) -> Schema:
    return {to: meta[name] for name, to in names.items() if name in meta}


def _text(_: Arguments, meta: Schema) -> Schema:
    return {"type": "string"} | _constraints(
        meta, min_length="minLength", max_length="maxLength", pattern="pattern"
    )


def _number(_: Arguments, meta: Schema) -> Schema:
    bounds = _constraints(meta, ge="minimum", le="maximum")
    whole = {"minimum": -(2**63), "maximum": 2**63 - 1}
    return {"type": "integer", "format": "int64"} | dict(sorted(bounds.items() - whole.items()))


def _items(arguments: Arguments, meta: Schema) -> Schema:
    return {"type": "array", "items": _of(arguments[0], {})} | _constraints(
        meta, min_length="minItems", max_length="maxItems"
    )


def _entries(arguments: Arguments, meta: Schema) -> Schema:
    if arguments[1] is Any:
        return {"type": "object", ANYTHING: True}
    return {"type": "object", "additionalProperties": _of(arguments[1], {})} | _constraints(
        meta, max_length="maxProperties"
    )


_SHAPES: dict[Any, Callable[[Arguments, Schema], Schema]] = {
    str: _text,
    int: _number,
    bool: lambda *_: {"type": "boolean"},
    tuple: _items,
    dict: _entries,
    Literal: lambda arguments, _: {"type": "string", "enum": list(arguments)},
    types.UnionType: lambda *_: {"x-kubernetes-int-or-string": True},
}


def _docstring(struct: type[Fields]) -> str:
    """The docstring, one line for each paragraph, with fields spelled as in documents."""
    paragraphs = inspect.cleandoc(struct.__doc__ or "").split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return _MARKED.sub(lambda marked: _AFTER_UNDERSCORE.sub(lambda m: m[1].upper(), marked[1]), text)


_MARKED = re.compile(r"``(.*?)``")
_AFTER_UNDERSCORE = re.compile(r"_([a-z])")
