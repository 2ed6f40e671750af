"""Any value that the schema of a definition takes, small or at its bounds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

_TEXTS = (
    *("", "a", "A", " ", "\0", "\U0001f600", "/a", "(", "a b", "a\nb", "\u2028", "*", "\xe9", "a.b", "*.a.b"),
    *("x" * length for length in (63, 64, 253, 254, 1024, 4096)),
)


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return what draws such values; rules in CEL are not looked at."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    made = _MADE.get(schema.get("type", ""))
    return st.just({}) if made is None else made(schema)


def _lists(schema: dict[str, Any]) -> st.SearchStrategy[list[Any]]:
    least = schema.get("minItems", 0)
    most = min(schema.get("maxItems", 2), max(least, 2))
    return st.lists(values(schema["items"]), min_size=least, max_size=most)


def _numbers(schema: dict[str, Any]) -> st.SearchStrategy[int]:
    bits = 63 if schema.get("format") == "int64" else 31
    return st.sampled_from([schema.get("minimum", -(2**bits)), schema.get("maximum", 2**bits - 1)])


def _objects(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        return st.dictionaries(st.sampled_from(["a", "a.b/c"]), values(more), max_size=2)
    required = schema.get("required", ())
    fields = {name: values(field) for name, field in schema.get("properties", {}).items()}
    return st.fixed_dictionaries(
        {name: field for name, field in fields.items() if name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    )


def _texts(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 4096)
    pattern = schema.get("pattern", "")

    def fits(text: str) -> bool:
        return least <= len(text) <= most and re.search(pattern, text) is not None

    fitting = [text for text in _TEXTS if fits(text)]
    if not pattern:
        return st.sampled_from(fitting)
    # A line's end at the end of a text is no end of it for Go.
    drawn = st.from_regex(pattern).filter(lambda text: fits(text) and not text.endswith("\n"))
    return st.one_of(st.sampled_from(fitting), drawn) if fitting else drawn


_MADE: Final[dict[str, Callable[[dict[str, Any]], st.SearchStrategy[Any]]]] = {
    "object": _objects,
    "array": _lists,
    "integer": _numbers,
    "string": _texts,
    "boolean": lambda _: st.booleans(),
}
