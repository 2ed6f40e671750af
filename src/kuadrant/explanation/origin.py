"""The place of something written."""

from __future__ import annotations

from msgspec import Struct


class Origin(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The place of something written: the object and the field, with line and column if it came from a file.

    ``object`` is as ``RateLimitPolicy default/toystore``; ``line`` and ``column`` count from 1.
    """

    object: str
    field: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Return the place for a person: the file's, else the object's."""
        return f"{self.file}:{self.line}:{self.column}" if self.file else self.object
