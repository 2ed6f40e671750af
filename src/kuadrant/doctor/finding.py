"""What is wrong with an installation: what it may be, and that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning", "note"]
ORDER: Final[tuple[Severity, ...]] = ("error", "warning", "note")
"""From the gravest on."""
PAGE: Final = "docs/doctor.md"


class Symptom(Struct, frozen=True):
    """The meaning of a code.

    With an ``error`` something does not work, or will not; a ``warning`` works, but hardly as it was meant;
    a ``note`` is worth knowing. ``means`` says what comes of it, ``do`` what helps.
    """

    code: str
    severity: Severity
    means: str
    do: str

    def found(self, message: str, about: str = "") -> Finding:
        """Return that it is so: ``message`` is a sentence without its end, ``about`` names the object."""
        return Finding(self.code, self.severity, message, self.do, about, f"{PAGE}#{self.code}")


class Finding(Struct, frozen=True):
    """Something that is wrong: code, severity, the sentence, what to do, the object, and the page."""

    code: str
    severity: Severity
    message: str
    do: str
    about: str
    page: str


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings from the gravest on, each once."""
    each = dict.fromkeys(findings)
    return tuple(sorted(each, key=lambda one: (ORDER.index(one.severity), one.code, one.about)))
