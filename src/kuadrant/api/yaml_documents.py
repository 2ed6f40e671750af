"""YAML text read as nodes that know their places (`yaml_scalars` has what plain scalars mean).

JSON is YAML. Anchors, aliases and merge keys work within a document. What ``kubectl`` takes in a way that
people do not expect is a mistake here: a repeated key, a key with a fraction, a merge key behind a key that
it would replace.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import yaml
from yaml._yaml import CParser
from yaml.resolver import BaseResolver

from kuadrant.api.document_nodes import Node
from kuadrant.api.yaml_scalars import MERGE, Flaw, FlawError, scalar

MAX_DEPTH: Final = 100
"""How deep mappings and lists may be nested."""
MAX_ALIASED: Final = 100_000
"""How many values a document may gain by aliases and merge keys."""
MAX_CHARACTERS: Final = 8 * 2**20
"""How long a document may be; an object of a cluster has 1.5 MiB at most, a list holds some."""
MAX_VALUES: Final = 500_000
"""How many values a document may hold: mappings, lists, scalars (keys, too) and aliases."""
MAX_FLAWS: Final = 100
"""How many mistakes of the YAML itself are told of a document."""
MAX_VALUES_IN_ALL: Final = 2_000_000
"""How many values may be read together (`Allowance`)."""
_DOCUMENT: Final = 20
"""What reading a document costs besides its values, in values."""

_SHOWN: Final = 100
"""Characters of a text of the document in a message."""


class Allowance:
    """Counts the values that may still be read, so that many texts are no way around the bound of one."""

    def __init__(self, values: int = MAX_VALUES_IN_ALL) -> None:
        self.all = self.left = values


class _Events(CParser, BaseResolver):
    """libyaml's events; what a scalar means is decided here, not by PyYAML."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        BaseResolver.__init__(self)


def documents(text: str, allowance: Allowance | None = None) -> Iterator[tuple[Node | None, list[Flaw]]]:
    """Yield each document of ``text`` with its flaws; one that cannot be read is None and hides no other.

    Empty documents are left out. What goes beyond the ``allowance`` is not read: its flaw is the last.
    """
    allowance = Allowance() if allowance is None else allowance
    for first_line, document in _split(text):
        if allowance.left <= 0:
            yield (
                None,
                [Flaw(first_line + 1, 1, f"is not read: there are more than {allowance.all:,} values")],
            )
            return
        allowance.left -= _DOCUMENT
        if not document.removeprefix("---").strip():
            continue
        flaws: list[Flaw] = []
        try:
            node = _Builder(document, first_line, flaws, allowance).build()
        except FlawError as error:
            node = None
            flaws.append(error.flaw)
        if flaws or (node is not None and node.value is not None):
            yield node, flaws


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

    Attributes:
        node: What was read of it.
        anchor: The name that aliases have for it, or None.
        key: The key that waits for its value.
        merges: What to merge in, each with the number of keys in front of it.
    """

    __slots__ = ("anchor", "key", "merges", "node")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: tuple[str | None, int, int] | None = None
        self.merges: list[tuple[Node, int]] = []


class _Builder:
    """Builds the nodes of one document, without recursion: the text decides how deep it is, not our stack."""

    def __init__(self, text: str, first_line: int, flaws: list[Flaw], allowance: Allowance) -> None:
        self._text = text
        self._allowance = allowance
        self._left = min(MAX_VALUES, allowance.left)
        self._first_line = first_line
        self._flaws = flaws
        self._anchors: dict[str, Node | None] = {}
        self._frames: list[_Frame] = []
        self._aliased = 0
        self._root: Node | None = None

    def build(self) -> Node | None:
        """Return the document's node, or None if it is empty.

        Raises:
            FlawError: It is no YAML, too deep or too large, or has too many flaws.
        """
        if len(self._text) > MAX_CHARACTERS:
            message = f"has more than {MAX_CHARACTERS:,} characters; write it as several documents"
            raise FlawError(self._first_line + 1, 1, message)
        try:
            events = _Events(self._text)
        except (yaml.YAMLError, UnicodeError) as error:
            raise self._unreadable(error) from error
        take: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceStartEvent: self._list,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.DocumentStartEvent: self._begin,
        }
        try:
            for event in iter(events.get_event, None):
                if (taking := take.get(type(event))) is not None:
                    taking(event)
        except (yaml.YAMLError, UnicodeError) as error:
            raise self._unreadable(error) from error
        finally:
            events.dispose()
        return self._root

    def _paid(self, event: yaml.NodeEvent) -> tuple[int, int]:
        """Count a value, and return its place."""
        line, column = self._place_of(event)
        if self._left <= 0:
            if self._allowance.left > 0:
                message = f"holds more than {MAX_VALUES:,} values; write it as several documents"
            else:
                message = f"is not read on: there are more than {self._allowance.all:,} values"
            raise FlawError(line, column, message)
        self._left -= 1
        self._allowance.left -= 1
        return line, column

    def _flaw(self, flaw: Flaw) -> None:
        self._flaws.append(flaw)
        if len(self._flaws) >= MAX_FLAWS:
            raise FlawError(flaw.line, flaw.column, f"has {MAX_FLAWS} such mistakes; the rest is not read")

    def _unreadable(self, error: Exception) -> FlawError:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        line, column = (mark.line, mark.column) if mark is not None else (0, 0)
        line = min(line, self._text.count("\n"))  # libyaml puts the end of the text a line below it
        if (
            mark is not None
            and "cannot start any token" in problem
            and self._text.startswith("\t", mark.index)
        ):
            problem = "a tab stands where only spaces may"
        return FlawError(self._first_line + line + 1, column + 1, f"is not YAML: {problem}")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        line, column = self._paid(event)
        node = Node(scalar(event, line, column), line, column, event.value)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._add(node)

    def _alias(self, event: yaml.AliasEvent) -> None:
        line, column = self._paid(event)
        self._add(self._aliased_node(event, line, column))

    def _mapping(self, event: yaml.MappingStartEvent) -> None:
        self._start({}, event)

    def _list(self, event: yaml.SequenceStartEvent) -> None:
        self._start([], event)

    def _start(self, value: list[Node] | dict[str, Node], event: yaml.CollectionStartEvent) -> None:
        line, column = self._paid(event)
        if len(self._frames) >= MAX_DEPTH:
            raise FlawError(line, column, f"is nested deeper than {MAX_DEPTH} levels")
        self._frames.append(_Frame(Node(value, line, column), event.anchor))
        if event.anchor is not None:
            self._anchors[event.anchor] = None

    def _begin(self, event: yaml.DocumentStartEvent) -> None:
        if self._root is not None:
            line, column = self._place_of(event)
            raise FlawError(line, column, "begins a second document without a line '---' in front of it")

    def _place_of(self, event: yaml.Event) -> tuple[int, int]:
        mark = event.start_mark
        line, column = (mark.line, mark.column) if mark is not None else (0, 0)
        return self._first_line + line + 1, column + 1

    def _aliased_node(self, event: yaml.AliasEvent, line: int, column: int) -> Node:
        anchor = str(event.anchor)
        if anchor not in self._anchors:
            message = f"*{anchor[:_SHOWN]} refers to an anchor that is not defined before it"
            raise FlawError(line, column, message)
        node = self._anchors[anchor]
        if node is None:
            raise FlawError(line, column, f"*{anchor[:_SHOWN]} contains itself")
        self._count(node.size, line, column)
        return node

    def _count(self, aliased: int, line: int, column: int) -> None:
        self._aliased += aliased
        if self._aliased > MAX_ALIASED:
            raise FlawError(line, column, f"aliases and merge keys repeat more than {MAX_ALIASED} values")

    def _end(self, _: yaml.CollectionEndEvent) -> None:
        frame = self._frames.pop()
        node = frame.node
        if frame.merges and isinstance(node.value, dict):
            places = {key: place for place, key in enumerate(node.value)}
            for merged, in_front in frame.merges:
                self._merge(node, merged, places, in_front)
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
                frame.merges.append((node, len(parent.value)))
                return
            if key in parent.value:
                first = parent.keys[key][0]
                self._flaw(Flaw(line, column, f'"{key[:_SHOWN]}" is given twice, first in line {first}'))
                return
            parent.value[key] = node
            parent.keys[key] = (line, column)
        parent.size += node.size
        if node.height >= parent.height:
            parent.height = node.height + 1
            if parent.height + len(self._frames) > MAX_DEPTH + 1:
                raise FlawError(node.line, node.column, f"is nested deeper than {MAX_DEPTH} levels")

    def _key(self, node: Node) -> tuple[str | None, int, int]:
        """Return the key as text, None for a merge key; numbers and booleans become text, as with kubectl."""
        value = node.value
        if type(value) is str:  # not a merge key, which is a text of another type
            return value, node.line, node.column
        if isinstance(value, (list, dict)) or value is None:
            what = "null" if value is None else "a mapping" if isinstance(value, dict) else "a list"
            raise FlawError(node.line, node.column, f"has {what} as a key; keys are text")
        if value is MERGE:
            return None, node.line, node.column
        if isinstance(value, bool):
            value = "true" if value else "false"
        if isinstance(value, float) or (isinstance(value, int) and value >= 2**63):
            raise FlawError(
                node.line, node.column, f"has the number {node.written[:_SHOWN]} as a key; put it in quotes"
            )
        return str(value), node.line, node.column

    def _merge(self, into: Node, source: Node, places: dict[str, int], in_front: int) -> None:
        """Merge ``source`` into a mapping.

        Args:
            into: The mapping.
            source: A mapping, or a list of mappings.
            places: The places of the keys that ``into`` has itself, by key.
            in_front: How many of them are in front of the merge key.
        """
        if isinstance(source.value, list):
            for one in source.value:
                if isinstance(one.value, list):
                    self._flaw(_not_mergeable(one))
                else:
                    self._merge(into, one, places, in_front)
            return
        if not isinstance(source.value, dict) or not isinstance(into.value, dict):
            self._flaw(_not_mergeable(source))
            return
        self._count(len(source.value), source.line, source.column)
        for key, node in source.value.items():
            if places.get(key, in_front) < in_front:
                line, column = into.keys[key]
                won = "is in front of a merge key that has it too, which kubectl lets win"
                self._flaw(Flaw(line, column, f'"{key[:_SHOWN]}" {won}; put "<<" first'))
            elif key not in into.value:
                into.value[key] = node
                into.keys[key] = source.keys[key]
                into.size += node.size
                into.height = max(into.height, node.height + 1)


def _not_mergeable(node: Node) -> Flaw:
    return Flaw(node.line, node.column, "<<: takes a mapping or a list of mappings")
