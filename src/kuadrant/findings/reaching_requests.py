"""Tells what is known of all requests that come to a rule: its match and the host name say it.

Every answer is True, False, or None where requests differ or nobody knows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import re2
from msgspec import Struct

from kuadrant.policy.hostnames import EVERY_HOSTNAME, is_subset, is_wildcard
from kuadrant.policy.match import PathMatch, RequestMatch

if TYPE_CHECKING:
    from collections.abc import Iterable

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
_SCHEMES: Final = ("http", "https")
"""Envoy takes no other, and writes them in lower case."""


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
        if values := self._values(attribute):
            return _alike(value == text for value in values)
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
        if values := self._values(attribute):
            return _alike(value.startswith(text) for value in values)
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
        if not text:
            return True
        if attribute == "request.url_path" and _QUERY.search(text):
            return False
        return _alike(value.endswith(text) for value in self._values(attribute))

    def contains(self, attribute: str, text: str) -> bool | None:
        """Tell whether ``text`` is somewhere in an attribute."""
        if values := self._values(attribute):
            return _alike(text in value for value in values)
        if attribute == "request.url_path" and _QUERY.search(text):
            return False
        path = self.match.path
        is_in_path = path is not None and path.type != "regex" and text in path.value
        return True if attribute in ("request.url_path", "request.path") and is_in_path else None

    def matches(self, attribute: str, pattern: str) -> bool | None:
        """Tell whether a part of an attribute matches ``pattern``, which is a sound one of RE2."""
        return _alike(re2.search(pattern, value) is not None for value in self._values(attribute))

    def _values(self, attribute: str) -> tuple[str, ...]:
        """All values that an attribute can have, if they are few; else none."""
        path = self.match.path
        match attribute:
            case "request.method":
                return () if self.match.method is None else (self.match.method,)
            case "request.scheme":
                return _SCHEMES
            case "request.url_path" if path is not None and path.type == "exact":
                return (path.value,)
            case "request.host" if self.plain_host and not is_wildcard(self.hostname):
                return (self.hostname,)
        return ()

    def _is_host(self, text: str) -> bool | None:
        name = text.lower()
        if _WITH_PORT.fullmatch(name):
            name = name.rpartition(":")[0]
        is_plain = name == text or not self.plain_host
        return None if is_plain and is_subset(name, self.hostname) else False


def _alike(answers: Iterable[bool]) -> bool | None:
    """The answer that all of them are; None where they differ, or there is none."""
    found = {*answers}
    return found.pop() if len(found) == 1 else None


class HeaderName(Struct, frozen=True, gc=False):
    """Requests as ``of``, while a repetition over their headers calls the name of one ``variable``."""

    of: Reaching | HeaderName
    variable: str

    def has_header(self, name: str) -> bool | None:
        """Tell whether a header is there."""
        return self.of.has_header(name)

    def equals(self, attribute: str, text: str) -> bool | None:
        """Tell whether the name, or an attribute, is ``text``."""
        return _never_of_a_name(text) if attribute == self.variable else self.of.equals(attribute, text)

    def starts_with(self, attribute: str, text: str) -> bool | None:
        """Tell whether it starts with ``text``."""
        return _never_of_a_name(text) if attribute == self.variable else self.of.starts_with(attribute, text)

    def ends_with(self, attribute: str, text: str) -> bool | None:
        """Tell whether it ends with ``text``."""
        return _never_of_a_name(text) if attribute == self.variable else self.of.ends_with(attribute, text)

    def contains(self, attribute: str, text: str) -> bool | None:
        """Tell whether ``text`` is somewhere in it."""
        return _never_of_a_name(text) if attribute == self.variable else self.of.contains(attribute, text)

    def matches(self, attribute: str, pattern: str) -> bool | None:
        """Tell whether a part of it matches ``pattern``."""
        return None if attribute == self.variable else self.of.matches(attribute, pattern)


def _never_of_a_name(text: str) -> bool | None:
    """False where no header's name has ``text`` in it: gateways write all of them in lower case."""
    return False if re.search("[A-Z]", text) else None


def _is_path(path: PathMatch | None, text: str) -> bool | None:
    """Tell whether a path, without its query, is ``text``."""
    if text and not text.startswith(("/", "*")):
        return False
    if path is None or path.type == "regex":
        return None
    if path.type == "exact":
        return text == path.value
    return None if text == path.value or text.startswith(path.value.rstrip("/") + "/") else False


def _starts_path(path: PathMatch | None, text: str) -> bool | None:
    """Tell whether a path starts with ``text``; it may have a query."""
    if not text.startswith(("/", "*")):
        return False
    if path is None or path.type == "regex":
        return None
    if path.value.startswith(text):
        return True
    may_go_on = path.type == "prefix" and text.startswith(path.value.rstrip("/") + "/")
    return None if may_go_on else False
