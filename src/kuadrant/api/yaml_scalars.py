"""The meaning of a scalar as ``kubectl`` takes it: YAML 1.1 as its Go parser has it.

``yes``, ``on`` and ``y`` are true, ``010`` is eight, ``0x10`` sixteen, ``1_000`` a thousand, ``~`` is null,
dates stay text, and there are no numbers to the base 60.
"""

import math
import re

import yaml
from msgspec import Struct

from kuadrant.api.document_nodes import Scalar


class Flaw(Struct, frozen=True, gc=False):
    """A mistake of the YAML itself."""

    line: int
    column: int
    message: str


class FlawError(Exception):
    """Ends the reading of a document."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.flaw = Flaw(line, column, message)


class _Merge(str):
    """The plain scalar ``<<``."""

    __slots__ = ()


MERGE = _Merge("<<")

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    "<<": MERGE,
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
_NUMERIC = frozenset("+-.0123456789")
"""What a number begins with; most texts begin otherwise."""
_NO_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)


def scalar(event: yaml.ScalarEvent, line: int, column: int) -> Scalar:
    """Return what a scalar means, with or without a tag.

    Raises:
        FlawError: It means nothing that JSON has.
    """
    text: str = event.value
    tag: str | None = event.tag
    if tag is None or tag == "!":
        if tag is not None or not event.implicit[0]:
            return text
        if text[:1] not in _NUMERIC:
            return _WORDS.get(text, text)
        if _NO_JSON.fullmatch(text):
            raise FlawError(line, column, f"is {text}, a number that JSON does not have; put text in quotes")
        return _resolve(text)
    if not tag.startswith(_TAG):
        return text
    kind = tag.removeprefix(_TAG)
    if kind == "binary":
        raise FlawError(line, column, "is tagged !!binary; write the text itself")
    if kind not in _TAGGED:
        return text
    value = _resolve(text)
    if type(value) not in _TAGGED[kind]:
        raise FlawError(line, column, f'is tagged !!{kind}, which "{text[:40]}" is not')
    return value


def _resolve(text: str) -> Scalar:
    """Return what the plain scalar ``text`` means."""
    if text[:1] not in _NUMERIC or len(text) > 400:
        return _WORDS.get(text, text)
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
