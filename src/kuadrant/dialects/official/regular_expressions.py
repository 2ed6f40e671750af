"""Regular expressions that RE2 (gateways) and Rust's engine (official shims) read alike."""

from __future__ import annotations

import re

_PORTABLE = re.compile(
    r"""(?: [^\\\[\](){}*+?|.^$]                               # a character
        | \\[dDwWsSbB.+*?()|\[\]{}^$\\-]                       # a class, a boundary or an escaped character
        | \[ \^? (?: [^\\\[\]&~-] | -(?![-]) | \\[dDwWsS.+*?()|\[\]{}^$\\-] )+ \]
        | \((?:\?:)? | \)
        | \{ [0-9]{1,3} (?: , (?:[0-9]{1,3})? )? \}
        | [*+?]\?? | [|.^$] )*""",
    re.VERBOSE,
)
_META = frozenset(r"\.+*?()|[]{}^$")


def is_portable(pattern: str) -> bool:
    """Tell whether ``pattern``, which RE2 takes, certainly means the same to both."""
    return pattern.isascii() and _PORTABLE.fullmatch(pattern) is not None


def escaped(text: str) -> str:
    """``text`` as a regular expression."""
    return "".join(f"\\{character}" if character in _META else character for character in text)


def whole(pattern: str) -> str:
    """``pattern`` for the whole of a text."""
    return f"^(?:{pattern})$"


def from_glob(glob: str) -> str:
    r"""The pattern of the operator ``matches``, for the whole of a text.

    ``?`` is no or one character, ``*`` any number, ``+`` one or more, ``\`` takes what follows as it is.
    """
    parts: list[str] = []
    characters = iter(glob)
    for character in characters:
        if character == "\\":
            parts.append(escaped(next(characters, "\\")))
        else:
            parts.append({"?": ".?", "*": ".*", "+": ".+"}.get(character) or escaped(character))
    return f"(?s)^{''.join(parts)}$"
