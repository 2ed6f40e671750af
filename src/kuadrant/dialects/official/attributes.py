"""The attributes of selectors that an official shim reads as the project's own does."""

from __future__ import annotations

from typing import Final

from kuadrant.dialects.dialect import InexpressibleError
from kuadrant.policy.attributes import TABLE, selector_path

_TOLD: Final = tuple(one for one in TABLE if "selectors" in one.told)
HOST: Final = "request.host"
#: Texts that every request has.
PRESENT: Final = frozenset(
    one.name for one in _TOLD if one.type == "string" and not one.header and one.name != HOST
)
#: Texts that are those of a header.
OF_HEADERS: Final = {one.name: one.header for one in _TOLD if one.header}
_HEADER = "request.headers."


def attribute(selector: str) -> str:
    """The selector of an attribute that has a text for value, header names in lower case.

    Raises:
        InexpressibleError: The shim reads it in another way, or not at all.
    """
    path = selector_path(selector)
    if path is None or "\\" in selector:
        raise InexpressibleError(f'it does not take the selector "{selector}"')
    name = ".".join(path)
    if name in PRESENT or name in OF_HEADERS or name == HOST:
        return name
    if name.startswith(_HEADER) and len(path) == 3:
        return name.lower()
    raise InexpressibleError(f'it does not read "{selector}", or not as a text')


def header(name: str) -> str | None:
    """The header whose value the attribute ``name`` is."""
    return name.removeprefix(_HEADER) if name.startswith(_HEADER) else OF_HEADERS.get(name)
