"""Matches, conditions and counters as CEL that no request can make fail.

Only CEL's standard library is used, and only attributes that every request has or whose presence is asked for
first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.dialects.dialect import InexpressibleError
from kuadrant.dialects.official.attributes import HOST, attribute, header
from kuadrant.dialects.official.regular_expressions import escaped, from_glob, is_portable, whole

if TYPE_CHECKING:
    from kuadrant.policy.condition import SelectorCondition
    from kuadrant.policy.match import PathMatch, RequestMatch

_OPPOSITES = {"neq": "eq", "excl": "incl"}
QUERY: Final = "(request.query == null ? '' : request.query)"
"""To the modules an empty query is none."""
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def literal(text: str) -> str:
    """``text`` as a string of CEL."""
    inner = "".join(
        _ESCAPES.get(character) or (f"\\u{ord(character):04x}" if character < " " else character)
        for character in text
    )
    return f"'{inner}'"


def is_exact(match: RequestMatch) -> bool:
    """Tell whether ``predicates`` hold for the very requests that ``match`` is for."""
    path = match.path
    return (
        not match.headers
        and not match.query
        and (path is None or path.type != "regex" or is_portable(path.value))
    )


def predicates(match: RequestMatch) -> tuple[str, ...]:
    """Return what a request of ``match`` fulfils: its method, then its path."""
    method = () if match.method is None else (f"request.method == {literal(match.method)}",)
    return method if match.path is None else (*method, _path(match.path))


def _path(match: PathMatch) -> str:
    value = literal(match.value)
    match match.type:
        case "exact":
            return f"request.url_path == {value}"
        case "regex":
            return f"request.url_path.matches({literal(whole(match.value))})"
        case "prefix" if match.value == "/":
            return "request.url_path.startsWith('/')"
        case "prefix":
            below = literal(match.value.rstrip("/") + "/")
            return f"request.url_path == {value} || request.url_path.startsWith({below})"


def presence(selector: str) -> str | None:
    """Return what a request fulfils that has a value for ``selector``; None if all have one.

    Raises:
        InexpressibleError: The attribute is none that the shim reads.
    """
    name = header(attribute(selector))
    return None if name is None else f"{literal(name)} in request.headers"


def value(selector: str) -> str:
    """The value of the attribute, for a request that has one.

    Raises:
        InexpressibleError: The attribute is none that the shim reads, or not as it is counted by.
    """
    name = attribute(selector)
    if name == HOST:
        raise InexpressibleError(
            f'it takes "{selector}" with the port and in the case that the client chose, and would count '
            "each by itself"
        )
    if name == "request.query":
        return QUERY
    key = header(name)
    return name if key is None else f"request.headers[{literal(key)}]"


def conditions(condition: SelectorCondition) -> tuple[str, ...]:
    """Return what a request fulfils, all of it, for which ``condition`` holds.

    What must not be looked at without the header stands behind what asks for it, or beside it by ``||``:
    before v0.12 both sides of ``&&`` are looked at.

    Raises:
        InexpressibleError: The attribute is none that the shim reads, or cannot be compared so.
    """
    if attribute(condition.selector) == HOST:
        return (_host(condition),)
    there, text = presence(condition.selector), value(condition.selector)
    wanted = condition.value
    compared, by_nothing = {
        "eq": (f"{text} == {literal(wanted)}", not wanted),
        "startswith": (f"{text}.startsWith({literal(wanted)})", not wanted),
        "endswith": (f"{text}.endsWith({literal(wanted)})", not wanted),
        # What no character is needed for is what an empty text fulfils.
        "matches": (f"{text}.matches({literal(from_glob(wanted))})", not wanted.strip("*?")),
        "incl": (_includes(text, wanted), not wanted),
    }[_OPPOSITES.get(condition.operator, condition.operator)]
    is_opposite = condition.operator in _OPPOSITES
    if is_opposite:
        compared = f"!({compared})"
    if there is None:
        return (compared,)
    return (f"!({there}) || {compared}",) if by_nothing is not is_opposite else (there, compared)


def _includes(text: str, wanted: str) -> str:
    if "," in wanted or wanted != wanted.strip(" \t"):
        return "false"
    pattern = rf"(?s)^(?:.*,)?[ \t]*{escaped(wanted)}[ \t]*(?:,.*)?$"
    return f"{text}.matches({literal(pattern)})"


def _host(condition: SelectorCondition) -> str:
    """The host without its port and in any case."""
    wanted, operator = condition.value, condition.operator
    if wanted != wanted.lower() or ":" in wanted or operator in {"matches", "incl", "excl"}:
        raise InexpressibleError(
            f'it takes "{condition.selector}" with the port, so that {operator} "{wanted}" would mean '
            "another thing"
        )
    port = r"(?::[^:\]]*)?$"
    pattern = {
        "eq": f"(?i)^{escaped(wanted)}{port}",
        "neq": f"(?i)^{escaped(wanted)}{port}",
        "startswith": f"(?i)^{escaped(wanted)}",
        "endswith": f"(?i){escaped(wanted)}{port}",
    }[operator]
    text = f"request.host.matches({literal(pattern)})"
    return f"!({text})" if operator == "neq" else text
