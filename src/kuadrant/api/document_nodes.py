"""Values of a document that know their places, so that a mistake can be told with the line it is in."""

import json
import re
from typing import Final

from msgspec import Struct

from kuadrant.api.problem import Path

Scalar = str | int | float | bool | None

_SHOWN: Final = 60


class Node(Struct, gc=False):
    """A value of a document; aliases share nodes.

    Attributes:
        value: A scalar, the nodes of a list, or those of a mapping by key.
        line: Its place, from 1.
        column: Its place, from 1.
        written: The text of a scalar.
        keys: The places of a mapping's keys.
        size: How many values there are below it, itself included.
        height: How many levels these have.
    """

    value: "Scalar | list[Node] | dict[str, Node]"
    line: int
    column: int
    written: str = ""
    keys: dict[str, tuple[int, int]] = {}
    size: int = 1
    height: int = 1


def plain(node: Node) -> object:
    """Return the value of ``node`` and all below it, without places."""
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    if isinstance(node.value, list):
        return [plain(value) for value in node.value]
    return node.value


def find(node: Node, path: Path) -> Node:
    """Return the node at ``path``, or the nearest one above it."""
    for step in path:
        below: Node | None = None
        if isinstance(node.value, dict) and isinstance(step, str):
            below = node.value.get(step)
        elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
            below = node.value[step]
        if below is None:
            break
        node = below
    return node


def place_of(node: Node, path: Path) -> tuple[int, int]:
    """Return line and column of the field at ``path``, or of the nearest one above it.

    That is where its value begins; where it begins below its key, the place of the key.
    """
    key: tuple[int, int] | None = None
    for step in path:
        below = find(node, (step,))
        if below is node:
            break
        key = node.keys.get(step) if isinstance(step, str) else None
        node = below
    is_below_its_key = key is not None and isinstance(node.value, (dict, list)) and node.line > key[0]
    return key if key is not None and is_below_its_key else (node.line, node.column)


def whole(node: Node, value: int) -> str:
    """Return a whole number as it is written: one of more than 64 bits is read as the nearest double."""
    return node.written if node.written.removeprefix("-").isdecimal() else str(value)


def shown(node: Node) -> str:
    """Return the value of ``node`` for a message."""
    value = node.value
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return quoted(value)
    plainly = json.dumps(value)
    return (
        plainly
        if plainly == node.written or not node.written
        else f"{plainly} (written {node.written[:_SHOWN]})"
    )


def quoted(text: str) -> str:
    """Return ``text`` in quotes, cut if it is long."""
    return json.dumps(text if len(text) <= _SHOWN else text[:_SHOWN] + "...", ensure_ascii=False)


def text_wanted(node: Node, pattern: re.Pattern[str] | None, rule: str) -> str:
    """Return what is to be where ``node`` is no text: quotes help only if it is right in them."""
    if isinstance(node.value, (list, dict)) or node.value is None:
        return "text"
    return "text; put it in quotes" if pattern is None or pattern.fullmatch(node.written) else rule
