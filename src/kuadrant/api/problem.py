"""What is wrong in a document, and where."""

import json

from msgspec import Struct


class Problem(Struct, frozen=True, gc=False, order=True):
    """One mistake: its place in the text (lines and columns from 1), the object and the field, and the rule it broke.

    ``subject`` names the object (``RateLimitPolicy default/toystore``) as far as it could be read. ``field`` is a path such as
    ``spec.limits.create-toy.rates[0].unit``, empty for the document as a whole. ``message`` continues it to a sentence.
    """

    file: str
    line: int
    column: int
    subject: str
    field: str
    message: str

    def __str__(self) -> str:
        """Return the line for a person: place, object, field, message; what cannot be printed is escaped."""
        where = f"{self.file}:{self.line}:{self.column}"
        line = ": ".join(part for part in (where, self.subject, self.field, self.message) if part)
        return "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)


Path = tuple[str | int, ...]
"""Keys and indexes from an object down to a field."""


def spelled(path: Path) -> str:
    """Return ``path`` as people write it: ``spec.rules[0].name``; keys with other characters are quoted in brackets."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.replace("-", "").replace("_", "").isalnum():
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text
