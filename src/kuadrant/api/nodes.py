"""YAML text as nodes that know their places.

What plain scalars mean is what ``kubectl`` takes them for (YAML 1.1 as its Go parser has it): ``yes``, ``on`` and ``y`` are true,
``010`` is eight, ``0x10`` sixteen, ``1_000`` a thousand, ``~`` is null, dates stay text, and there are no numbers to the base 60. JSON
is YAML. Anchors, aliases and merge keys work within a document. What ``kubectl`` takes in a way that people do not expect is a
mistake here: a repeated key, a key with a fraction, a merge key behind a key that it would replace.
"""

import math
import re
from collections.abc import Iterator
from typing import Final

import yaml
from msgspec import Struct
from yaml._yaml import CParser
from yaml.resolver import BaseResolver

MAX_DEPTH: Final = 100
"""How deep mappings and lists may be nested."""
MAX_ALIASED: Final = 100_000
"""How many values a document may gain by aliases and merge keys."""

Scalar = str | int | float | bool | None


class Node(Struct, gc=False):
    """A value of a document with its place (line and column from 1) and its spelling.

    ``value`` is a scalar, the nodes of a list, or those of a mapping by key; ``keys`` are the places of a mapping's keys.
    ``written`` is the text of a scalar. ``size`` counts the values below and including this one, ``height`` their levels.
    Aliases share nodes.
    """

    value: "Scalar | list[Node] | dict[str, Node]"
    line: int
    column: int
    written: str = ""
    keys: dict[str, tuple[int, int]] = {}
    size: int = 1
    height: int = 1


class Flaw(Struct, frozen=True, gc=False):
    """A mistake of the YAML itself."""

    line: int
    column: int
    message: str


class _FlawError(Exception):
    """Ends the reading of a document."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.flaw = Flaw(line, column, message)


class _Events(CParser, BaseResolver):
    """libyaml's events; what a scalar means is decided here, not by PyYAML."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        BaseResolver.__init__(self)


def documents(text: str) -> Iterator[tuple[Node | None, list[Flaw]]]:
    """Yield each document of ``text`` with its flaws; a document that cannot be read is None and hides no other.

    Empty documents are left out.
    """
    for first_line, document in _split(text):
        flaws: list[Flaw] = []
        try:
            node = _Builder(document, first_line, flaws).build()
        except _FlawError as error:
            node = None
            flaws.append(error.flaw)
        if flaws or (node is not None and node.value is not None):
            yield node, flaws


def plain(node: Node) -> object:
    """Return the value of ``node`` and all below it, without places."""
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    if isinstance(node.value, list):
        return [plain(value) for value in node.value]
    return node.value


_SEPARATOR = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)


def _split(text: str) -> Iterator[tuple[int, str]]:
    """Yield each document with the number of lines before it, so that a flaw in one ends only that one.

    ``---`` in front of a line always parts documents. One that has only directives in front of it does not.
    """
    start = lines = 0
    for separator in _SEPARATOR.finditer(text):
        head = text[start : separator.start()]
        if any(line.startswith("%") for line in head.split("\n")) and not _has_content(head):
            continue
        yield lines, head
        lines += head.count("\n")
        start = separator.start()
    yield lines, text[start:]


def _has_content(head: str) -> bool:
    return any(line.strip() and not line.startswith(("%", "#", "...")) for line in head.split("\n"))


class _Frame:
    """A mapping or list that is being read.

    ``key`` is the key that waits for its value; ``merges`` are what to merge in, each with the keys in front of it.
    """

    __slots__ = ("anchor", "key", "merges", "node")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: tuple[str | None, int, int] | None = None
        self.merges: list[tuple[Node, frozenset[str]]] = []


class _Builder:
    """Builds the nodes of one document, without recursion: the text decides how deep it is, not our stack."""

    def __init__(self, text: str, first_line: int, flaws: list[Flaw]) -> None:
        self._text = text
        self._first_line = first_line
        self._flaws = flaws
        self._anchors: dict[str, Node | None] = {}
        self._frames: list[_Frame] = []
        self._aliased = 0
        self._root: Node | None = None

    def build(self) -> Node | None:
        """Return the document's node, or None if it is empty.

        Raises:
            _FlawError: It is no YAML, or too deep or too large.
        """
        try:
            events = _Events(self._text)
        except (yaml.YAMLError, UnicodeError) as error:
            raise self._unreadable(error) from error
        try:
            while (event := events.get_event()) is not None:
                self._take(event)
        except (yaml.YAMLError, UnicodeError) as error:
            raise self._unreadable(error) from error
        finally:
            events.dispose()
        return self._root

    def _unreadable(self, error: Exception) -> _FlawError:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        line, column = (mark.line, mark.column) if mark is not None else (0, 0)
        line = min(line, self._text.count("\n"))  # libyaml puts the end of the text a line below it
        return _FlawError(self._first_line + line + 1, column + 1, f"is not YAML: {problem}")

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            line, column = self._place_of(event)
            node = Node(_scalar(event, line, column), line, column, event.value)
            if event.anchor is not None:
                self._anchors[event.anchor] = node
            self._add(node)
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._aliased_node(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            line, column = self._place_of(event)
            if len(self._frames) >= MAX_DEPTH:
                raise _FlawError(line, column, f"is nested deeper than {MAX_DEPTH} levels")
            self._frames.append(
                _Frame(
                    Node({} if isinstance(event, yaml.MappingStartEvent) else [], line, column), event.anchor
                )
            )
            if event.anchor is not None:
                self._anchors[event.anchor] = None
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end()
        elif isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
            line, column = self._place_of(event)
            raise _FlawError(line, column, "begins a second document without a line '---' in front of it")

    def _place_of(self, event: yaml.Event) -> tuple[int, int]:
        mark = event.start_mark
        line, column = (mark.line, mark.column) if mark is not None else (0, 0)
        return self._first_line + line + 1, column + 1

    def _aliased_node(self, event: yaml.AliasEvent) -> Node:
        line, column = self._place_of(event)
        if event.anchor not in self._anchors:
            raise _FlawError(
                line, column, f"*{event.anchor} refers to an anchor that is not defined before it"
            )
        node = self._anchors[event.anchor]
        if node is None:
            raise _FlawError(line, column, f"*{event.anchor} contains itself")
        self._count(node.size, line, column)
        return node

    def _count(self, aliased: int, line: int, column: int) -> None:
        self._aliased += aliased
        if self._aliased > MAX_ALIASED:
            raise _FlawError(line, column, f"aliases and merge keys repeat more than {MAX_ALIASED} values")

    def _end(self) -> None:
        frame = self._frames.pop()
        node = frame.node
        for merged, in_front in frame.merges:
            self._merge(node, merged, in_front)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = node
        self._add(node)

    def _add(self, node: Node) -> None:
        if not self._frames:
            self._root = node
            return
        frame = self._frames[-1]
        parent = frame.node
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif isinstance(parent.value, dict):
            if frame.key is None:
                frame.key = self._key(node)
                return
            key, line, column = frame.key
            frame.key = None
            if key is None:
                frame.merges.append((node, frozenset(parent.value)))
                return
            if key in parent.value:
                first = parent.keys[key][0]
                self._flaws.append(Flaw(line, column, f'"{key}" is given twice, first in line {first}'))
                return
            parent.value[key] = node
            parent.keys[key] = (line, column)
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)
        if parent.height + len(self._frames) > MAX_DEPTH + 1:
            raise _FlawError(node.line, node.column, f"is nested deeper than {MAX_DEPTH} levels")

    def _key(self, node: Node) -> tuple[str | None, int, int]:
        """Return the key as text, or None for a merge key. Whole numbers and booleans become text, as with ``kubectl``."""
        value = node.value
        if isinstance(value, (list, dict)) or value is None:
            what = "null" if value is None else "a mapping" if isinstance(value, dict) else "a list"
            raise _FlawError(node.line, node.column, f"has {what} as a key; keys are text")
        if value is _MERGE:
            return None, node.line, node.column
        if isinstance(value, bool):
            value = "true" if value else "false"
        if isinstance(value, float) or (isinstance(value, int) and value >= 2**63):
            raise _FlawError(
                node.line, node.column, f"has the number {node.written} as a key; put it in quotes"
            )
        return str(value), node.line, node.column

    def _merge(self, into: Node, source: Node, in_front: frozenset[str]) -> None:
        if isinstance(source.value, list):
            for one in source.value:
                if isinstance(one.value, list):
                    self._flaws.append(_not_mergeable(one))
                else:
                    self._merge(into, one, in_front)
            return
        if not isinstance(source.value, dict) or not isinstance(into.value, dict):
            self._flaws.append(_not_mergeable(source))
            return
        self._count(len(source.value), source.line, source.column)
        for key, node in source.value.items():
            if key in in_front:
                line, column = into.keys[key]
                message = f'"{key}" is in front of a merge key that has it too, which kubectl lets win; put "<<" first'
                self._flaws.append(Flaw(line, column, message))
            elif key not in into.value:
                into.value[key] = node
                into.keys[key] = source.keys[key]
                into.size += node.size
                into.height = max(into.height, node.height + 1)


def _not_mergeable(node: Node) -> Flaw:
    return Flaw(node.line, node.column, "<<: takes a mapping or a list of mappings")


class _Merge(str):
    """The plain scalar ``<<``."""

    __slots__ = ()


_MERGE = _Merge("<<")

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    "<<": _MERGE,
}
_TAG = "tag:yaml.org,2002:"
_TAGGED: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "null": (type(None),),
    "merge": (_Merge,),
}
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))", re.ASCII)
_NO_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)


def _scalar(event: yaml.ScalarEvent, line: int, column: int) -> Scalar:
    text: str = event.value
    tag: str | None = event.tag
    if tag is None or tag == "!":
        if tag is not None or not event.implicit[0]:
            return text
        if _NO_JSON.fullmatch(text):
            raise _FlawError(line, column, f"is {text}, a number that JSON does not have; put text in quotes")
        return _resolve(text)
    if not tag.startswith(_TAG):
        return text
    kind = tag.removeprefix(_TAG)
    if kind == "binary":
        raise _FlawError(line, column, "is tagged !!binary; write the text itself")
    if kind not in _TAGGED:
        return text
    value = _resolve(text)
    if type(value) not in _TAGGED[kind]:
        raise _FlawError(line, column, f'is tagged !!{kind}, which "{text[:40]}" is not')
    return value


def _resolve(text: str) -> Scalar:
    """Return what the plain scalar ``text`` means."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > 400:
        return text
    number = text.replace("_", "")
    if match := _INTEGER.fullmatch(number):
        sign, hexadecimal, binary, octal, decimal = match.groups()
        digits, base = next(
            (d, b) for d, b in ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10)) if d
        )
        value = int(digits, base) * (-1 if sign == "-" else 1)
        # Past 64 bits the Go parser goes on to take decimal digits for a float, and others for text.
        if -(2**63) <= value < 2**64:
            return value
    if not _FLOAT.fullmatch(text if text[0] == "." else number):
        return text
    real = float(number)
    return text if math.isinf(real) else real
