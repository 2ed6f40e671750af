"""Nodes read as structs, with every mistake instead of the first.

The structs say what is right: their types, their ``msgspec.Meta`` constraints and their defaults. A part that
is wrong is reported and stands in as the nearest value of its type, so that the rest, and the rules about the
whole, are still looked at; a rule's complaint about a part that was reported is left out.
"""

import difflib
import re
import types
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Protocol, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import replace

from kuadrant.api.document_nodes import Node, find, plain, quoted, shown, text_wanted, whole
from kuadrant.api.fields import ANY_OTHER, Fields
from kuadrant.api.meta import Object
from kuadrant.api.problem import Path

Complaint = tuple[Path, str]
"""A field, relative to the struct that a rule looks at, and what is wrong with it."""
Rules = dict[type[Fields], Callable[[Any], Iterable[Complaint]]]
"""What a schema cannot say, for each struct that has such rules."""

_F = TypeVar("_F", bound=Fields)
_LONGEST_WORD = 60  # of a mistake, that is compared
_GUESSED = 100  # mistakes of an object that come with a guess at what was meant, which takes its time


class Mistake(Struct, frozen=True, gc=False):
    """One thing that is wrong: the field, its place, and the rule in words."""

    path: Path
    line: int
    column: int
    message: str


def read(struct: type[_F], node: Node, rules: Rules) -> tuple[_F, list[Mistake]]:
    """Return ``node`` as a ``struct``, and all mistakes; with any mistake the value is only a stand-in."""
    reading = _Reading(rules)
    value = _part(struct).read(node, (), reading)
    return value, reading.mistakes


class _Reading:
    """The mistakes so far."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.mistakes: list[Mistake] = []
        self._paths: set[Path] = set()

    def wrong(self, node: Node, path: Path, message: str) -> None:
        self._paths.add(path)
        self.mistakes.append(Mistake(path, node.line, node.column, message))

    def wrong_key(self, node: Node, path: Path, key: str, message: str) -> None:
        self._paths.add((*path, key))
        self.mistakes.append(Mistake((*path, key), *node.keys[key], message))

    def hint(self, first: int, path: Path, hints: Mapping[str, str]) -> None:
        """Say of the mistakes from the ``first`` on, at fields or items below ``path``, what was meant."""
        for index, mistake in enumerate(self.mistakes[first:], start=first):
            *above, field = mistake.path if isinstance(mistake.path[-1], str) else mistake.path[:-1]
            hint = hints.get(str(field)) if tuple(above) == path else None
            if hint and " must be at " not in mistake.message:
                self.mistakes[index] = replace(mistake, message=f"{mistake.message}; {hint}")

    def complain(self, value: Fields, node: Node, path: Path) -> None:
        """Ask the rules about ``value``."""
        rule = self.rules.get(type(value))
        if rule is None:
            return
        for relative, message in rule(value):
            whole = (*path, *relative)
            if not any(whole[:end] in self._paths for end in range(len(whole) + 1)):
                place = find(node, relative)
                self.mistakes.append(Mistake(whole, place.line, place.column, message))


class _Shape(Protocol):
    """Holds what a value has to be like."""

    def read(self, node: Node, path: Path, reading: _Reading) -> Any:
        """Return the value of ``node``, or a stand-in after telling ``reading`` what is wrong."""

    def stand_in(self) -> Any:
        """Return some value of the type, for what is missing or wrong."""


class _Anything(_Shape):
    def read(self, node: Node, path: Path, reading: _Reading) -> Any:  # noqa: ARG002
        return plain(node)

    def stand_in(self) -> Any:
        return None


class _Text(_Shape):
    def __init__(self, meta: Meta) -> None:
        self._least = meta.min_length or 0
        self._most = meta.max_length
        self._pattern = re.compile(meta.pattern, re.ASCII) if meta.pattern else None
        self._rule = (meta.extra or {}).get("rule", f"text that matches {meta.pattern}")

    def read(self, node: Node, path: Path, reading: _Reading) -> Any:
        value = node.value
        if not isinstance(value, str):
            wanted = text_wanted(node, self._pattern, self._rule)
            reading.wrong(node, path, f"is {shown(node)}, must be {wanted}")
            return self.stand_in()
        if len(value) < self._least:
            short = f"is shorter than {self._least} characters"
            reading.wrong(node, path, short if value else "is empty")
        elif self._most is not None and len(value) > self._most:
            reading.wrong(node, path, f"has {len(value)} characters, must have at most {self._most}")
        elif self._pattern is not None and not self._pattern.fullmatch(value):
            reading.wrong(node, path, f"is {quoted(value)}, must be {self._rule}")
        return value

    def stand_in(self) -> Any:
        return ""


class _Number(_Shape):
    def __init__(self, meta: Meta) -> None:
        self._least = -(2**63) if meta.ge is None else int(meta.ge)
        self._most = 2**63 - 1 if meta.le is None else int(meta.le)

    def read(self, node: Node, path: Path, reading: _Reading) -> Any:
        value = node.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            in_quotes = isinstance(value, str) and value.removeprefix("-").isdecimal()
            quotes = " without quotes" if in_quotes else ""
            reading.wrong(node, path, f"is {shown(node)}, must be a whole number{quotes}")
            return self.stand_in()
        if not self._least <= value <= self._most:
            reading.wrong(node, path, f"is {whole(node, value)}, must be {self._rule(value)}")
            return self.stand_in()
        return value

    def _rule(self, value: int) -> str:
        if self._most >= 2**31 - 1 and self._least >= 0:
            return f"at most {self._most}" if value > self._most else f"at least {self._least}"
        return f"from {self._least} to {self._most}"

    def stand_in(self) -> Any:
        return max(self._least, 0)


class _NumberOrText(_Shape):
    def read(self, node: Node, path: Path, reading: _Reading) -> Any:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            reading.wrong(node, path, f"is {shown(node)}, must be a whole number or text")
            return 0
        return value

    def stand_in(self) -> Any:
        return 0


class _Flag(_Shape):
    def read(self, node: Node, path: Path, reading: _Reading) -> Any:
        if not isinstance(node.value, bool):
            reading.wrong(node, path, f"is {shown(node)}, must be true or false")
            return False
        return node.value

    def stand_in(self) -> Any:
        return False


class _Choice(_Shape):
    def __init__(self, values: tuple[str | int, ...]) -> None:
        self._values = values

    def read(self, node: Node, path: Path, reading: _Reading) -> Any:
        value = node.value
        if isinstance(value, (str, int)) and not isinstance(value, bool) and value in self._values:
            return value
        choices = ", ".join(str(value) for value in self._values)
        meant = _did_you_mean(value, self._values) if isinstance(value, str) else ""
        reading.wrong(node, path, f"is {shown(node)}, must be one of {choices}{meant}")
        return self.stand_in()

    def stand_in(self) -> Any:
        return self._values[0]


class _Items(_Shape):
    def __init__(self, item: _Shape, meta: Meta) -> None:
        self._item = item
        self._least = meta.min_length or 0
        self._most = meta.max_length

    def read(self, node: Node, path: Path, reading: _Reading) -> Any:
        if not isinstance(node.value, list):
            reading.wrong(node, path, f"is {shown(node)}, must be a list")
            return ()
        if wrong := _wrong_size(len(node.value), self._least, self._most, "item", "items"):
            reading.wrong(node, path, wrong)
        return tuple(self._item.read(item, (*path, index), reading) for index, item in enumerate(node.value))

    def stand_in(self) -> Any:
        return ()


class _Entries(_Shape):
    def __init__(self, value: _Shape, meta: Meta) -> None:
        self._value = value
        self._most = meta.max_length

    def read(self, node: Node, path: Path, reading: _Reading) -> Any:
        if not isinstance(node.value, dict):
            reading.wrong(node, path, f"is {shown(node)}, must be a mapping")
            return {}
        if wrong := _wrong_size(len(node.value), 0, self._most, "entry", "entries"):
            reading.wrong(node, path, wrong)
        return {key: self._value.read(value, (*path, key), reading) for key, value in node.value.items()}

    def stand_in(self) -> Any:
        return {}


def _wrong_size(size: int, least: int, most: int | None, one: str, many: str) -> str | None:
    if size < least:
        return f"must have at least {least} {one if least == 1 else many}"
    if most is not None and size > most:
        return f"has {size} {many}, must have at most {most}"
    return None


class _Field(Struct, frozen=True):
    """A field of a struct: its name in Python, and the shape of its values."""

    name: str
    required: bool
    shape: _Shape


class _Part(_Shape):
    """A struct."""

    def __init__(self, struct: type[Fields]) -> None:
        self._struct = struct
        self._ignored = struct.unread | ({"apiVersion", "kind"} if issubclass(struct, Object) else set())
        self._fields = {
            field.encode_name: _Field(
                field.name,
                field.default is NODEFAULT and field.default_factory is NODEFAULT,
                _shape(field.type),
            )
            for field in msgspec.structs.fields(self._struct)
        }

    def read(self, node: Node, path: Path, reading: _Reading) -> Any:
        if not isinstance(node.value, dict):
            reading.wrong(node, path, f"is {shown(node)}, must be a mapping")
            return self.stand_in()
        values: dict[str, Any] = {}
        known_mistakes = len(reading.mistakes)
        for key, below in node.value.items():
            field = self._fields.get(key)
            if field is None:
                self._check_unknown(node, path, key, reading)
            elif below.value is not None:
                values[field.name] = field.shape.read(below, (*path, key), reading)
        for key, field in self._fields.items():
            if field.required and field.name not in values:
                reading.wrong(node.value.get(key, node), (*path, key), "is missing")
                values[field.name] = field.shape.stand_in()
        if self._struct.hints:
            reading.hint(known_mistakes, path, self._struct.hints)
        value = self._struct(**values)
        reading.complain(value, node, path)
        return value

    def _check_unknown(self, node: Node, path: Path, key: str, reading: _Reading) -> None:
        if key in self._ignored or self._ignored >= ANY_OTHER:
            return
        if len(reading.mistakes) >= _GUESSED:
            reading.wrong_key(node, path, key, "is not a field")
            return
        known = sorted({*self._fields, *self._ignored})
        meant = _did_you_mean(key, known) or f"; there are {', '.join(known)}"
        reading.wrong_key(node, path, key, f"is not a field{meant}")

    def stand_in(self) -> Any:
        return self._struct(**{f.name: f.shape.stand_in() for f in self._fields.values() if f.required})


def _did_you_mean(given: str, known: Iterable[object]) -> str:
    """Return the known word that was probably meant, as the end of a sentence, or nothing."""
    spellings = {str(word).lower(): str(word) for word in known}
    close = difflib.get_close_matches(given[:_LONGEST_WORD].lower(), spellings, n=1, cutoff=0.7)
    return f'; did you mean "{spellings[close[0]]}"?' if close else ""


@cache
def _part(struct: type[Fields]) -> _Part:
    return _Part(struct)


def _shape(annotation: Any, meta: Meta | None = None) -> _Shape:
    """Return the shape of a type annotation, as the structs use them."""
    meta = meta or Meta()
    origin, arguments = get_origin(annotation), get_args(annotation)
    shape: _Shape
    if origin is Annotated:
        shape = _shape(arguments[0], _merged(arguments[1:]))
    elif origin in (Union, types.UnionType):
        present = [one for one in arguments if one is not type(None)]
        shape = _shape(present[0], meta) if len(present) == 1 else _NumberOrText()
    elif origin is Literal:
        shape = _Choice(arguments)
    elif origin is tuple:
        shape = _Items(_shape(arguments[0]), meta)
    elif origin is dict:
        shape = _Entries(_shape(arguments[1]), meta)
    elif isinstance(annotation, type) and issubclass(annotation, Fields):
        shape = _part(annotation)
    else:
        shape = _SIMPLE[annotation](meta)
    return shape


_SIMPLE: dict[Any, Callable[[Meta], _Shape]] = {
    str: _Text,
    int: _Number,
    bool: lambda _: _Flag(),
    Any: lambda _: _Anything(),
}


def _merged(constraints: tuple[Any, ...]) -> Meta:
    """Return one Meta of several: an outer one adds a description to what an inner one demands."""
    merged: dict[str, Any] = {}
    for one in constraints:
        if isinstance(one, Meta):
            merged |= {name: value for name, value in one.__rich_repr__() if value is not None}
    return Meta(**merged)
