"""Rules and paths of routes that no request can reach."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.findings.examined_documents import problem
from kuadrant.findings.request_paths import RouteKey
from kuadrant.findings.severity import Rule
from kuadrant.policy.gateway_api_match_precedence import Place, PrecedenceKey, precedence
from kuadrant.policy.match import PathMatch, RequestMatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.findings.examined_documents import Material
    from kuadrant.policy.model import Problem
    from kuadrant.policy.route import Route

RULES: Final = (
    Rule(
        code="invalid-match",
        severity="error",
        title="A match cannot be carried out.",
        means="A path does not begin with `/`, or a regular expression is none of RE2. No request has "
        "such a match.",
        do="Correct the match.",
    ),
    Rule(
        code="unreachable-rule",
        severity="warning",
        title="No request reaches a rule, since another one takes all of them before.",
        means="Rules are tried in the order of Gateway API, across all routes of a host name: exact "
        "paths, then regular expressions, then the longest prefix; then a method, more headers, "
        "more query parameters; of equal ones the older route, then the first by name, and the "
        "first rule of a route. What the other rule matches includes what this one matches, so "
        "neither its backends nor its limits are ever in effect.",
        do="Remove one of the two, or have this one match something else.",
    ),
    Rule(
        code="unreachable-path",
        severity="warning",
        title="No request has the path of a match.",
        means="Gateways make paths plain before they look for a rule: `%7E` becomes `~`, as every "
        "escape of a letter, a digit or one of `-._~`; `%5C` is taken for a slash, and a request "
        "with `%00` is refused.",
        do="Write the path as gateways see it.",
    ),
)

_ESCAPE: Final = re.compile(r"%([0-9a-fA-F]{2})")
_PLAIN: Final = re.compile(r"[A-Za-z0-9\-._~]")
_ANY_PATH: Final = frozenset({".*", "/.*", "/?.*", ".+", "/.+"})
"""Regular expressions that hold for every path that begins with `/`, or all but `/` itself."""


def route_findings(of: Material) -> Iterator[Problem]:
    """Yield the rules and matches of routes that no request reaches."""
    unreachable = {
        (route.kind, route.key, *place)
        for route in of.paths.routes.values()
        for place in _with_unreachable_paths(route)
    }
    for kind, key, rule, match in sorted(unreachable):
        path = of.paths.routes[kind, key].rules[rule].matches[match].path
        assert path is not None
        namespace, _, name = key.partition("/")
        field = f"spec.rules[{rule}].matches[{match}].path.value"
        message, fix = _plain(path.value)
        yield problem((kind, namespace, name), field, "unreachable-path", message, fix=fix)
    yield from _shadowed_rules(of)


def _with_unreachable_paths(route: Route) -> Iterator[tuple[int, int]]:
    for rule_index, rule in enumerate(route.rules):
        for match_index, match in enumerate(rule.matches):
            if match.path is not None and match.path.type != "regex" and _is_changed(match.path.value):
                yield rule_index, match_index


def _is_changed(path: str) -> bool:
    return any(_PLAIN.match(char) or char in "\\\0" for char in map(_escaped, _ESCAPE.finditer(path)))


def _escaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))


def _plain(path: str) -> tuple[str, str]:
    """The sentence about a path, and what helps."""
    plain = _ESCAPE.sub(lambda one: _escaped(one) if _PLAIN.match(_escaped(one)) else one[0], path)
    if plain == path:
        return f"is {path}, which no request has: gateways redirect or refuse such escapes", ""
    return f"is {path}, which no request has: gateways have made it {plain} before", f"Write {plain}."


class _Tried(Struct, frozen=True, gc=False):
    """A match of a rule, as it is tried for a host name."""

    rank: PrecedenceKey
    route: RouteKey
    rule: int
    match: int
    request: RequestMatch

    @property
    def name(self) -> tuple[RouteKey, int, int]:
        return (self.route, self.rule, self.match)


def _shadowed_rules(of: Material) -> Iterator[Problem]:
    """Yield the rules, or single matches of them, that are taken by others under every host name."""
    winners: dict[tuple[RouteKey, int, int], _Tried | None] = {}
    for tried in _by_host(of):
        before = _Before()
        for one in sorted(tried, key=lambda one: one.rank):
            winner = before.covering(one)
            if winner is None:
                before.add(one)
            if winners.get(one.name, one) is not None:
                winners[one.name] = winner
    for (key, rule), matches in _grouped(winners).items():
        namespace, _, name = key[1].partition("/")
        subject = (key[0], namespace, name)
        shadowed = {match: winner for match, winner in matches.items() if winner is not None}
        if len(shadowed) == len(of.paths.routes[key].rules[rule].matches):
            message = f"is never reached: {_words(key, next(iter(shadowed.values())))}"
            yield problem(subject, f"spec.rules[{rule}]", "unreachable-rule", message)
        else:
            for match, winner in shadowed.items():
                field = f"spec.rules[{rule}].matches[{match}]"
                message = f"is never reached: {_words(key, winner)}"
                yield problem(subject, field, "unreachable-rule", message)


def _grouped(
    winners: dict[tuple[RouteKey, int, int], _Tried | None],
) -> dict[tuple[RouteKey, int], dict[int, _Tried | None]]:
    found: dict[tuple[RouteKey, int], dict[int, _Tried | None]] = {}
    for (route, rule, match), winner in winners.items():
        found.setdefault((route, rule), {})[match] = winner
    return found


def _words(of: RouteKey, winner: _Tried) -> str:
    where = f"spec.rules[{winner.rule}].matches[{winner.match}]"
    whose = "" if winner.route == of else f" of {winner.route[0]} {winner.route[1]}"
    return f"{where}{whose} takes all of its requests before"


def _by_host(of: Material) -> Iterable[list[_Tried]]:
    """The matches of each port and host name."""
    hosts: dict[tuple[str, int, str], list[_Tried]] = {}
    for path in of.paths.all:
        route = path.route
        key = (route.kind, route.key)
        for match_index, match in enumerate(route.rules[path.rule].matches):
            rank = precedence(match, Place(route.created, route.key, route.kind, path.rule, match_index))
            tried = _Tried(rank, key, path.rule, match_index, match)
            for hostname in path.hostnames:
                hosts.setdefault((path.gateway, path.port, hostname), []).append(tried)
    return hosts.values()


class _Before:
    """The matches that are tried before, found by what one that covers another has in common with it."""

    def __init__(self) -> None:
        self._by_mark: dict[tuple[str, str | None, object], list[_Tried]] = {}

    def add(self, one: _Tried) -> None:
        """Note a match that is tried."""
        request, path = one.request, _path(one.request.path)
        # Whoever is covered has each of these headers, too: the one that fewest have leads to it.
        keys = [(path, request.method, mark) for mark in (*request.headers, *request.query) or (None,)]
        key = min(keys, key=lambda key: len(self._by_mark.get(key, ())))
        self._by_mark.setdefault(key, []).append(one)

    def covering(self, one: _Tried) -> _Tried | None:
        """Return a match before ``one`` that holds for all requests for which it holds."""
        request = one.request
        for path in _covering_paths(request.path):
            for method in dict.fromkeys((None, request.method)):
                for mark in (None, *request.headers, *request.query):
                    for other in self._by_mark.get((path, method, mark), ()):
                        # A match that comes twice because of two listeners does not cover itself.
                        if other.name != one.name and _covers(other.request, request):
                            return other
        return None


def _covers(other: RequestMatch, one: RequestMatch) -> bool:
    """Tell whether ``other`` asks for nothing that ``one`` does not ask for, path and method apart."""
    return set(other.headers) <= set(one.headers) and set(other.query) <= set(one.query)


def _path(path: PathMatch | None) -> str:
    if path is None:
        return "prefix /"
    return "prefix /" if path.type == "regex" and path.value in _ANY_PATH else f"{path.type} {path.value}"


def _covering_paths(path: PathMatch | None) -> Iterator[str]:
    """Yield the paths that include ``path``: itself, and the prefixes above it."""
    yield _path(path)
    if path is not None and path.type != "regex":
        parts = path.value.split("/")
        yield from (f"prefix {'/'.join(parts[:end]) or '/'}" for end in range(len(parts), 0, -1))
