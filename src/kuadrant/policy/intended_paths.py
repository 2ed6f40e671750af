"""Says which attribute is meant by several names, and how it is asked whether one is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kuadrant.policy.attributes import ATTRIBUTES
from kuadrant.policy.identity_source import PATH

if TYPE_CHECKING:
    from collections.abc import Sequence

_OF_CLAIMS: Final = frozenset({"claims", "jwt", "payload", "token", "user", "identity", "principal"})
"""What others have between the name of their authentication and a claim, and what it is called."""


def whole_path(root: str, field: str, below: Sequence[str]) -> str:
    """Return the attribute that is meant by ``root.field.below``, of which ``root`` has no ``field``.

    It is one that an expression can have as it is returned; empty if none is known.
    """
    names = [field, *below]
    if field in ATTRIBUTES:  # a root by itself, such as in request.source.address
        root, names = field, list(below)
        if root != PATH[0]:
            return f"{root}.{names[0]}" if names and names[0] in ATTRIBUTES[root] else ""
    elif root != PATH[0] and field.lower() not in ("claims", "jwt"):
        return ""
    while names and names[0].lower() in _OF_CLAIMS:
        names = names[1:]
    if root == PATH[0] and field not in ATTRIBUTES and field.lower() not in _OF_CLAIMS:
        return ""  # it may be a name that is written wrong
    return ".".join((*PATH, *names))


_HEADER: Final = r"request\s*\.\s*headers\s*\[\s*\??\s*(?P<name>'[^'\\]*'|\"[^\"\\]*\")\s*\]"
_FIELD: Final = r"(?P<field>\w+\s*\.\s*\w+)(?!\s*[.\[(])"
_ASKED: Final = rf"({_HEADER}|{_FIELD})"
_NEGATED: Final = re.compile(rf"!\s*{_ASKED}")
_BEFORE: Final = re.compile(rf"(?:^|[(!&|?,:\s]){_ASKED}\s*$")
_AFTER: Final = re.compile(rf"(?:&&|\|\|)\s*{_ASKED}")
_TRUE_OR_FALSE: Final = re.compile(r"\s*($|&&|\|\||\)|\?)")


def presence(function: str, expression: str, offset: int) -> str:
    """Return how it is asked whether an attribute is there, where one stands as if it were true or false.

    ``function`` is the operator at ``offset`` that does not take it. Empty if something else stands there.
    """
    if function == "!_":
        found = _NEGATED.match(expression, offset)
        asked = _presence(found) if found else ""
        return asked and f"!{asked}" if asked.startswith("has") else asked and f"!({asked})"
    for found in (_BEFORE.search(expression[:offset]), _AFTER.match(expression, offset)):
        if found and (found.re is _BEFORE or _TRUE_OR_FALSE.match(expression, found.end())):
            asked = _presence(found)
            if asked:
                return asked
    return ""


def _presence(found: re.Match[str]) -> str:
    if found["name"]:
        return f"{found['name']} in request.headers"
    root, _, field = re.sub(r"\s", "", found["field"]).partition(".")
    return f"has({root}.{field})" if (root, field) in _MAY_BE_ABSENT else ""


_MAY_BE_ABSENT: Final = frozenset({("request", "referer"), ("request", "useragent")})
