"""Which rule a request belongs to, written down as plainly as it can be: the standard that shim and router are held to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from msgspec import Struct

from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.compiler.program import HostProgram, RuleProgram


class Request(Struct, frozen=True):
    host: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()


def chosen(hosts: Sequence[HostProgram], request: Request) -> RuleProgram | None:
    """Return the first rule whose parts all hold, of the most specific host; no other host is looked at."""
    fitting = [host for host in hosts if _host_holds(host.hostname, request.host)]
    if not fitting:
        return None
    owner = max(fitting, key=lambda host: (not host.hostname.startswith("*"), len(host.hostname)))
    return next((rule for rule in owner.rules if _match_holds(rule.match, request)), None)


def _host_holds(hostname: str, name: str) -> bool:
    if hostname.startswith("*"):
        suffix = hostname.removeprefix("*")
        return name.endswith(suffix) and name != suffix
    return name == hostname


def _match_holds(match: RequestMatch, request: Request) -> bool:
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        headers.setdefault(name, []).append(value)
    query: dict[str, str] = {}
    for name, value in request.query:
        query.setdefault(name, value)
    return (
        (match.path is None or _path_holds(match.path, request.path))
        and match.method in (None, request.method)
        and all(
            any(_string_holds(header, value) for value in headers.get(header.name, ()))
            for header in match.headers
        )
        and all(
            parameter.name in query and _string_holds(parameter, query[parameter.name])
            for parameter in match.query
        )
    )


def _path_holds(match: PathMatch, path: str) -> bool:
    match match.type:
        case "exact":
            return path == match.value
        case "prefix":
            return path == match.value or path.startswith(match.value.rstrip("/") + "/")
        case "regex":
            return re.fullmatch(match.value, path) is not None


def _string_holds(match: StringMatch, value: str) -> bool:
    return value == match.value if match.type == "exact" else re.fullmatch(match.value, value) is not None


# Few names and values, so that matches overlap and requests meet them.

_PATHS = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=3).map(
    lambda segments: "/" + "/".join(segments)
)
_VALUES = st.sampled_from(["1", "2", "1,2", "12"])


def _string_matches(names: list[str]) -> st.SearchStrategy[tuple[StringMatch, ...]]:
    exact = st.builds(StringMatch, st.sampled_from(names), _VALUES, st.just("exact"))
    regex = st.builds(
        StringMatch, st.sampled_from(names), st.sampled_from(["1", "[0-9]", "1.*", ".*"]), st.just("regex")
    )
    return st.lists(exact | regex, max_size=2, unique_by=lambda match: match.name).map(tuple)


_SLASHED_PATHS = _PATHS | _PATHS.map(lambda path: path if path == "/" else f"{path}/")

path_matches = (
    st.builds(PathMatch, _SLASHED_PATHS, st.just("exact"))
    | st.builds(PathMatch, _PATHS, st.just("prefix"))
    | st.builds(
        PathMatch, st.sampled_from(["/a.*", "/[ab]", "/(a|ab)/.+", "/", ".*", "/a*", "a"]), st.just("regex")
    )
)
matches = st.builds(
    RequestMatch,
    path=st.none() | path_matches,
    method=st.sampled_from([None, None, "GET", "POST"]),
    headers=_string_matches(["x-a", "x-b"]),
    query=_string_matches(["p", "q"]),
)
hostnames = st.sampled_from(
    ["*", "*.com", "*.a.com", "*.b.a.com", "a.com", "c.a.com", "b.a.com", "c.b.a.com"]
)
requests = st.builds(
    Request,
    host=st.sampled_from(["com", "a.com", "b.a.com", "c.a.com", "c.b.a.com", "d.c.b.a.com", "b.com", "org"]),
    method=st.sampled_from(["GET", "POST", "PUT"]),
    path=_SLASHED_PATHS,
    headers=st.lists(st.tuples(st.sampled_from(["x-a", "x-b"]), _VALUES), max_size=3).map(tuple),
    query=st.lists(st.tuples(st.sampled_from(["p", "q"]), _VALUES), max_size=3).map(tuple),
)
