"""Changes a request as gateways do before their filters see it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from kuadrant.reference_model.removed_headers import without_removed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kuadrant.reference_model.request import Value

_GIVEN_ANEW: Final = frozenset({"x-forwarded-proto", "x-request-id", "x-envoy-external-address"})
_ABSOLUTE: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9+\-.]*://@?([A-Za-z0-9\-.]+|\[[0-9A-Fa-f:.]+\])"
    r"(:0*(?P<port>[0-9]{1,5}))?([/?][!-\"$-~]*#*)?"
)
_RELATIVE: Final = re.compile(
    r"[A-Za-z0-9\-._~!$&'()*+,;=@?%]*(/[A-Za-z0-9\-._~!$&'()*+,;=@?%:/]*)?",
)
_LARGEST_PORT: Final = 65_535


def received(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return headers as a gateway reads them: names in lower case, values without white space around them.

    White space are spaces and tabs (RFC 9110, section 5.5).
    """
    return tuple((name.lower(), value.strip(" \t")) for name, value in headers)


def seen(headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return which of a client's headers filters see, as :func:`received` reads them.

    A gateway writes some by itself, removes others (:mod:`kuadrant.reference_model.removed_headers`), and
    takes no ``referer`` that is none; of several it looks at the values with commas between them.
    """
    has_referrer = is_referrer(",".join(value for name, value in headers if name == "referer"))
    return tuple(
        (name, value)
        for name, value in without_removed(headers)
        if name not in _GIVEN_ANEW and (name != "referer" or has_referrer)
    )


def removed(headers: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the names of a client's headers that no filter sees, and that are not written anew either."""
    left = {name for name, _ in seen(headers)}
    return tuple(sorted({name for name, _ in headers} - left - _GIVEN_ANEW - {"host"}))


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
