"""Changes a request as gateways do before their filters see it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kuadrant.reference_model.request import Value

_GIVEN_ANEW: Final = frozenset({"x-forwarded-proto", "x-request-id"})
_ABSOLUTE: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9+\-.]*://@?([A-Za-z0-9\-.]+|\[[0-9A-Fa-f:.]+\])"
    r"(:0*(?P<port>[0-9]{1,5}))?([/?][!-\"$-~]*#*)?"
)
_RELATIVE: Final = re.compile(
    r"[A-Za-z0-9\-._~!$&'()*+,;=@?%]*(/[A-Za-z0-9\-._~!$&'()*+,;=@?%:/]*)?",
)
_LARGEST_PORT: Final = 65_535


def is_kept(name: str, value: str) -> bool:
    """Tell whether filters see a header as the client sends it; ``name`` in lower case.

    A gateway writes some by itself, and takes no ``referer`` that is none.
    """
    return name not in _GIVEN_ANEW and (name != "referer" or is_referrer(value))


def is_referrer(value: str) -> bool:
    """Tell whether a gateway takes ``value`` for the header ``referer``; else it removes it.

    It takes a URL without fragment and user, and a reference without fragment, whose first part has no colon.
    Nothing else tells of this than Envoy itself, which a test holds this to.
    """
    if (found := _ABSOLUTE.fullmatch(value)) is not None:
        return int(found["port"] or "0") <= _LARGEST_PORT
    return _RELATIVE.fullmatch(value) is not None


def as_metadata(value: Any) -> Value:
    """Return a claim of a token as gateways keep it: every number is a double."""
    if isinstance(value, Mapping):
        return {str(name): as_metadata(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_metadata(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
