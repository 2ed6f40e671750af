"""Requests that belong to a rule, as far as its match tells."""

from __future__ import annotations

from itertools import islice, product
from typing import TYPE_CHECKING, Final

from msgspec import structs

from kuadrant.difference.drafts import Draft, changed
from kuadrant.difference.pattern_texts import texts_of
from kuadrant.policy.hostnames import EVERY_HOSTNAME, is_wildcard
from kuadrant.policy.match import RequestMatch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from kuadrant.policy.match import PathMatch, StringMatch

_MOST: Final = 8
_LABELS: Final = ("a", "b", "www", "any", "other", "c.a", "x.y", "kuadrant-diff")
_DOMAIN: Final = ".test"
_SOURCE: Final = "10.0.0.7"
_METHODS: Final = ("GET", "PUT")
"""Where a match takes any: another rule may have taken those that read before it."""


def names_of(hostname: str, taken: Collection[str]) -> tuple[str, ...]:
    """Return up to two names that a host name stands for and that are none of ``taken``."""
    if not is_wildcard(hostname):
        return (hostname,)
    suffix = _DOMAIN if hostname == EVERY_HOSTNAME else hostname.removeprefix("*")
    return tuple(islice((name for label in _LABELS if (name := label + suffix) not in taken), 2))


def drafts_of(match: RequestMatch, host: str) -> Iterator[Draft]:
    """Yield a few requests to ``host`` that are as ``match`` says, the smallest first."""
    for path, method in product(_paths(match.path), [match.method] if match.method else _METHODS):
        options: list[list[tuple[str, str, str]]] = [
            *([("header", one.name, text) for text in _texts(one)] for one in match.headers),
            *([("query", one.name, text) for text in _texts(one)] for one in match.query),
        ]
        for chosen in islice(product(*options), _MOST):
            yield _made(Draft(host, method, path), chosen)


def both(one: RequestMatch, other: RequestMatch) -> Iterator[RequestMatch]:
    """Yield what requests that belong to both may be like."""
    for path in dict.fromkeys((one.path, other.path)):
        yield RequestMatch(
            path,
            one.method or other.method,
            tuple(dict.fromkeys((*one.headers, *other.headers))),
            tuple(dict.fromkeys((*one.query, *other.query))),
        )


def are_apart(one: RequestMatch, other: RequestMatch) -> bool:
    """Tell whether no request can belong to both; False where that is not known."""
    if one.method and other.method and one.method != other.method:
        return True
    exact = {match.name: match.value for match in one.query if match.type == "exact"}
    if any(
        match.type == "exact" and exact.get(match.name, match.value) != match.value for match in other.query
    ):
        return True
    return _paths_are_apart(one.path, other.path)


def _paths_are_apart(one: PathMatch | None, other: PathMatch | None) -> bool:
    if one is None or other is None or "regex" in (one.type, other.type):
        return False
    if one.type == "exact" and other.type == "exact":
        return one.value != other.value
    if one.type == "prefix" and other.type == "prefix":
        return not (_is_below(one.value, other.value) or _is_below(other.value, one.value))
    path, prefix = (one, other) if one.type == "exact" else (other, one)
    return not _is_below(path.value, prefix.value)


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def _made(draft: Draft, parts: tuple[tuple[str, str, str], ...]) -> Draft:
    for kind, name, text in parts:
        if kind == "query":
            written = f"{name}={text}" if text else name
            draft = structs.replace(draft, query=f"{draft.query}&{written}" if draft.query else written)
        else:
            draft = changed(draft, ("request", "headers", name), text) or draft
        if name == "x-forwarded-for":  # of which the gateway writes the end
            draft = structs.replace(draft, source=_SOURCE)
    return draft


def _paths(match: PathMatch | None) -> Iterator[str]:
    if match is None:
        yield from ("/", "/x")
        return
    match match.type:
        case "regex":
            yield from (text for text in texts_of(match.value) if text.startswith("/"))
        case "exact":
            yield match.value
        case "prefix":
            yield match.value
            yield f"{match.value.rstrip('/')}/x"


def _texts(match: StringMatch) -> tuple[str, ...]:
    return (match.value,) if match.type == "exact" else texts_of(match.value)[:2]
