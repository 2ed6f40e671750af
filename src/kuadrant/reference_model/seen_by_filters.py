"""Changes a request as gateways do before their filters see it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kuadrant.reference_model.request import Value

_GIVEN_ANEW: Final = frozenset({"x-forwarded-proto", "x-request-id"})
_REFERRER: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")


def is_kept(name: str, value: str) -> bool:
    """Tell whether filters see a header as the client sends it; ``name`` in lower case.

    A gateway writes some by itself, and takes no ``referer`` that is no URL.
    """
    return name not in _GIVEN_ANEW and (name != "referer" or _REFERRER.fullmatch(value) is not None)


def as_metadata(value: Any) -> Value:
    """Return a claim of a token as gateways keep it: every number is a double."""
    if isinstance(value, Mapping):
        return {str(name): as_metadata(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_metadata(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
