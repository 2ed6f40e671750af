"""Matches and requests for what shim and router are held to, which is ``kuadrant.reference_model.chosen``."""

from __future__ import annotations

from hypothesis import strategies as st

from kuadrant.policy.match import PathMatch, RequestMatch, StringMatch
from kuadrant.reference_model import Request

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
    lambda authority, method, path, headers, query: Request(
        authority=authority,
        method=method,
        target=path + ("?" + "&".join(f"{name}={value}" for name, value in query) if query else ""),
        headers=tuple(headers),
    ),
    authority=st.sampled_from(
        ["com", "a.com", "b.a.com", "c.a.com", "c.b.a.com", "d.c.b.a.com", "b.com", "org"]
    ),
    method=st.sampled_from(["GET", "POST", "PUT"]),
    path=_SLASHED_PATHS,
    headers=st.lists(st.tuples(st.sampled_from(["x-a", "x-b"]), _VALUES), max_size=3),
    query=st.lists(st.tuples(st.sampled_from(["p", "q"]), _VALUES), max_size=3),
)
