"""Rules that no request reaches: held to the choice of rules itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuadrant.api import documents
from kuadrant.compiler import compile_gateways
from kuadrant.findings import findings
from kuadrant.reference_model.request import Request
from kuadrant.reference_model.routing import chosen
from tests.unit.findings.checked import GATEWAY, SERVICE, codes, found, route

PATHS: st.SearchStrategy[dict[str, str]] = st.sampled_from(
    [
        {"value": "/"},
        {"value": "/a"},
        {"value": "/a/b"},
        {"type": "Exact", "value": "/a"},
        {"type": "RegularExpression", "value": "/a.*"},
        {"type": "RegularExpression", "value": "/.*"},
    ]
)
HEADERS: list[dict[str, str]] = [{"name": "x-a", "value": "1"}, {"name": "x-b", "value": "1"}]
OTHERS: dict[str, st.SearchStrategy[Any]] = {
    "method": st.sampled_from(["GET", "POST"]),
    "headers": st.lists(st.sampled_from(HEADERS), unique_by=lambda header: header["name"]),
    "queryParams": st.just([{"name": "q", "value": "1"}]),
}
MATCHES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({"path": PATHS}, optional=OTHERS)
ROUTES = st.lists(st.lists(st.lists(MATCHES, min_size=1, max_size=2), min_size=1, max_size=3), max_size=3)
REQUESTS = [
    Request(authority="a.example", method=method, target=target + query, headers=headers)
    for method in ("GET", "POST", "PUT")
    for target in ("/", "/a", "/a/b", "/ab", "/c")
    for query in ("", "?q=1")
    for headers in ((), (("x-a", "1"),), (("x-b", "1"),), (("x-a", "1"), ("x-b", "1")))
]


@settings(max_examples=300)
@given(ROUTES)
def test_what_is_never_reached_is_reached_by_no_request(routes: list[list[list[dict[str, Any]]]]) -> None:
    """Every rule has a name of its own in its route's backend, so that the chosen one is known."""
    texts = []
    for number, rules in enumerate(routes):
        written = [
            {"matches": matches, "backendRefs": [{"name": f"s{number}-{index}", "port": 80}]}
            for index, matches in enumerate(rules)
        ]
        texts.append(route(json.dumps(written), name=f"r{number}"))
    folder = documents.read((f"{n}.yaml", text) for n, text in enumerate((GATEWAY, *texts)))
    compilation = compile_gateways(folder.objects)
    unreached = {
        (one.subject.rpartition("r")[2], one.field.partition("[")[2].partition("]")[0])
        for one in findings(folder, compilation)
        if one.code == "unreachable-rule" and "matches" not in one.field
    }
    hosts = compilation.programs[0].listeners[0].hosts
    reached = {
        tuple(rule.forwarding.backends[0].name.removeprefix("s").split("-"))
        for request in REQUESTS
        if (rule := chosen(hosts, request)) is not None
    }
    assert not unreached & reached


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/%7Etilde", "/~tilde"),
        ("/a%2Db", "/a-b"),
        ("/%41", "/A"),
        ("/a%5Cb", None),
        ("/a%00b", None),
    ],
)
def test_a_path_that_gateways_have_changed_before_is_told(path: str, plain: str | None) -> None:
    """Tried with a real Envoy."""
    rules = json.dumps(
        [{"matches": [{"path": {"value": path}}], "backendRefs": [{"name": "app", "port": 80}]}]
    )
    (one,) = found(GATEWAY, SERVICE, route(rules))
    assert one.code == "unreachable-path"
    assert one.fix == (f"Write {plain}." if plain else "Write the path as gateways see it.")


@pytest.mark.parametrize("path", ["/caf%C3%A9", "/a%20b", "/100%25", "/a%3Bb", "/z;p=1", "/~tilde"])
def test_a_path_that_stays_as_it_is_says_nothing(path: str) -> None:
    """Tried with a real Envoy."""
    rules = json.dumps(
        [{"matches": [{"path": {"value": path}}], "backendRefs": [{"name": "app", "port": 80}]}]
    )
    assert codes(GATEWAY, SERVICE, route(rules)) == []
