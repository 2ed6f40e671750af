"""Decides what is an error, what a warning and what a note.

Each rule says which one its findings are, in the file of its subject; `rules_by_code` has all of them.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Severity = Literal["error", "warning", "note"]


class Rule(Struct, frozen=True, gc=False, kw_only=True):
    """The meaning of a code.

    Of an ``error`` something cannot be carried out as it is written; a ``warning`` is carried out, but hardly
    what was meant; a ``note`` is worth knowing. ``title`` is a sentence, ``means`` tells more, ``do`` is what
    helps: both go on a page of the documentation.
    """

    code: str
    severity: Severity
    title: str
    means: str
    do: str
