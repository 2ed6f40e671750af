"""A mistake in a document, and its place."""

import json
import re

from msgspec import Struct


class Problem(Struct, frozen=True, gc=False, order=True):
    """One mistake: its place in the text, the object and the field, and the rule it broke.

    Lines and columns count from 1.

    ``subject`` names the object (``RateLimitPolicy default/toystore``) as far as it could be read. ``field``
    is a path such as ``spec.limits.create-toy.rates[0].unit``, empty for the document as a whole. ``message``
    continues it to a sentence. ``code`` is the name of its kind (``kuadrant.findings``).
    """

    file: str
    line: int
    column: int
    subject: str
    field: str
    message: str
    code: str = ""

    def __str__(self) -> str:
        """Return the line for a person: place, object, field, message; what cannot be printed is escaped."""
        where = f"{self.file}:{self.line}:{self.column}"
        return printable(": ".join(part for part in (where, self.subject, self.field, self.message) if part))


def printable(text: str) -> str:
    """Return ``text`` with all escaped that no terminal should get from a document or a request."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def printable_lines(text: str) -> str:
    """Return the same of a text that may have several lines."""
    return "".join(char if char in "\r\n" else printable(char) for char in text)


_LONGEST_KEY = 400

Path = tuple[str | int, ...]
"""Keys and indexes from an object down to a field."""


def spelled(path: Path) -> str:
    """Return ``path`` as people write it: ``spec.rules[0].name``.

    Keys with other characters are quoted in brackets.

    Of a key that is longer than any in a cluster, the beginning is shown.
    """
    text = ""
    for full in path:
        step = full if isinstance(full, int) else full[:_LONGEST_KEY]
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.replace("-", "").replace("_", "").isalnum():
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text


_STEP = re.compile(r"\[([0-9]+)\]|\[(\"(?:[^\"\\]|\\.)*\")\]|\.?([^.\[\]]+)")


def read_spelled(text: str) -> Path:
    """Return the path that `spelled` wrote as ``text``; a key that was cut short stays so."""
    steps: list[str | int] = []
    for index, key_in_quotes, key in _STEP.findall(text):
        steps.append(int(index) if index else json.loads(key_in_quotes) if key_in_quotes else key)
    return tuple(steps)
