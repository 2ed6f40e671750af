"""Tells what is known of all requests that come to a rule: its match and the host name say it.

Every answer is True, False, or None where requests differ or nobody knows.
"""

from __future__ import annotations

import re
from typing import Final

import re2
from msgspec import Struct

from kuadrant.policy.hostnames import EVERY_HOSTNAME, is_subset, is_wildcard
from kuadrant.policy.match import PathMatch, RequestMatch

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
_WITH_PORT: Final = re.compile(r".+:[0-9]{1,5}")
# No port, no brackets, and no size of a network.
_ALONE: Final = re.compile(r"(?![0-9.]+[:/][0-9]*$|\[.*\](:[0-9]*)?$|[0-9A-Fa-f:]+/[0-9]*$).*", re.DOTALL)
_ADDRESSES: Final = {
    "source.address": _WITH_PORT,
    "destination.address": _WITH_PORT,
    "source.remote_address": _ALONE,
}
_QUERY: Final = re.compile(r"[?#]")


class Reaching(Struct, frozen=True, gc=False):
    """The requests of one match under a host name.

    ``plain_host`` says that ``request.host`` is in lower case and without a port, as selectors have it; in an
    expression it is as the client wrote it.
    """

    match: RequestMatch = RequestMatch()
    hostname: str = EVERY_HOSTNAME
    plain_host: bool = False

    def has_header(self, name: str) -> bool | None:
        """Tell whether a header is there."""
        return True if any(name.lower() == one.name for one in self.match.headers) else None

    def equals(self, attribute: str, text: str) -> bool | None:
        """Tell whether an attribute, such as ``request.method``, is ``text``."""
        if (value := self._value(attribute)) is not None:
            return value == text
        match attribute:
            case "request.method":
                return False if text not in _METHODS and text.upper() in _METHODS else None
            case "request.url_path":
                return False if _QUERY.search(text) else _is_path(self.match.path, text)
            case "request.path":
                return _is_path(self.match.path, _QUERY.split(text)[0]) and None
            case "request.host":
                return self._is_host(text)
        is_address = _ADDRESSES.get(attribute)
        return False if is_address is not None and not is_address.fullmatch(text) else None

    def starts_with(self, attribute: str, text: str) -> bool | None:
        """Tell whether an attribute starts with ``text``."""
        if not text:
            return True
        if (value := self._value(attribute)) is not None:
            return value.startswith(text)
        if attribute == "request.url_path":
            return False if _QUERY.search(text) else _starts_path(self.match.path, text)
        if attribute == "request.path":
            path, *query = _QUERY.split(text, maxsplit=1)
            if query:
                return _is_path(self.match.path, path) and None
            return _starts_path(self.match.path, path)
        return None

    def ends_with(self, attribute: str, text: str) -> bool | None:
        """Tell whether an attribute ends with ``text``."""
        value = self._value(attribute)
        return True if not text else None if value is None else value.endswith(text)

    def contains(self, attribute: str, text: str) -> bool | None:
        """Tell whether ``text`` is somewhere in an attribute."""
        if (value := self._value(attribute)) is not None:
            return text in value
        path = self.match.path
        is_in_path = path is not None and path.type != "regex" and text in path.value
        return True if attribute in ("request.url_path", "request.path") and is_in_path else None

    def matches(self, attribute: str, pattern: str) -> bool | None:
        """Tell whether a part of an attribute matches ``pattern``, which is a sound one of RE2."""
        value = self._value(attribute)
        return None if value is None else re2.search(pattern, value) is not None

    def _value(self, attribute: str) -> str | None:
        """The one value that an attribute can have."""
        path = self.match.path
        match attribute:
            case "request.method":
                return self.match.method
            case "request.url_path" if path is not None and path.type == "exact":
                return path.value
            case "request.host" if self.plain_host and not is_wildcard(self.hostname):
                return self.hostname
        return None

    def _is_host(self, text: str) -> bool | None:
        name = text.lower()
        if _WITH_PORT.fullmatch(name):
            name = name.rpartition(":")[0]
        is_plain = name == text or not self.plain_host
        return None if is_plain and is_subset(name, self.hostname) else False


def _is_path(path: PathMatch | None, text: str) -> bool | None:
    """Whether a path, without its query, is ``text``."""
    if text and not text.startswith(("/", "*")):
        return False
    if path is None or path.type == "regex":
        return None
    if path.type == "exact":
        return text == path.value
    return None if text == path.value or text.startswith(path.value.rstrip("/") + "/") else False


def _starts_path(path: PathMatch | None, text: str) -> bool | None:
    """Whether a path starts with ``text``; it may have a query."""
    if not text.startswith(("/", "*")):
        return False
    if path is None or path.type == "regex":
        return None
    if path.value.startswith(text):
        return True
    may_go_on = path.type == "prefix" and text.startswith(path.value.rstrip("/") + "/")
    return None if may_go_on else False
