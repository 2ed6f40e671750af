"""A wrong test file is a line with its place, whatever is in it; a right one is carried out and reported."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from kuadrant.api import nodes, yaml_documents
from kuadrant.policy_tests import LoadedPolicies, PolicyTestFile, Results, coverage, read, simulate_file
from kuadrant.policy_tests.reports import Form, report, report_problems
from tests.unit.policy_tests.examples import EVERY_FIELD, GATEWAY, POLICY, gateway, loaded

if TYPE_CHECKING:
    from tests.conftest import Fuzz

pytestmark = pytest.mark.slow

RUNS = """\
tests:
- name: runs
  steps:
  - request: {method: POST, host: toys.example.com, path: /toys, headers: {x-user: alice}}
    expect: {status: 200x2 then 429, limitedBy: per-user, rule: toys}
  - {advance: 1m30s}
  - {at: 2m, request: {host: toys.example.com, path: /moved, query: {a: b}}, expect: {status: [301]}}
  - request: {host: toys.example.com, path: /toys, source: "10.0.0.7", jwt: {sub: alice, groups: [a, 1]}}
    times: 3
    expect: {status: 200, asked: false, policies: [], headers: {x-rule: toys}}
- {name: again, steps: [{request: {host: no.example.com}, expect: {status: 404}}]}
"""
TEXTS = [EVERY_FIELD, RUNS]
DOCUMENTS: list[Any] = [
    nodes.plain(node) for text in TEXTS for node, _ in yaml_documents.documents(text) if node
]
WORDS = sorted({word for text in TEXTS for word in text.replace(":", " ").split() if word.isalnum()})
TOKENS = [
    "\n",
    "  ",
    "- ",
    ": ",
    "#",
    "&a ",
    "*a",
    "<<: *a",
    "{",
    "}",
    "[",
    "]",
    ",",
    "'",
    '"',
    "|",
    "---\n",
    "!!int ",
]
TOKENS += [
    "? ",
    "\t",
    "\r",
    "\x00",
    "\ufeff",
    "\u2028",
    "%",
    "~",
    "no",
    "0x1",
    "1e9",
    "-1",
    "200x",
    "then",
    "ü",
]
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    2**64,
    1.5,
    1e300,
    "",
    "a",
    "/",
    "//",
    "?",
    "*",
    "%",
    "200x99999999",
]
ODD += [
    "x" * 9000,
    "a\nb",
    "\u0000",
    "[::1",
    "1.2.3.4:0",
    "99999h99999h",
    "0s",
    "then",
    [],
    {},
    [[]],
    {"": 1},
]
ODD += [[200] * 50, "ä€😀", {"a": {"b": [None]}}, "request", ["../.."], "200 then " * 60 + "429"]

EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.sampled_from([0, 0, 1, 2, 5, 20, 100]),
        st.sampled_from([*TOKENS, *WORDS]) | st.text(max_size=2) | st.just(""),
    ),
    min_size=1,
    max_size=4,
)
CHANGES = st.lists(
    st.tuples(
        st.floats(0, 0.999), st.sampled_from(["set", "remove", "rename", "repeat"]), st.sampled_from(ODD)
    ),
    min_size=1,
    max_size=3,
)


def edited(text: str, edits: list[tuple[float, int, str]]) -> str:
    """``text`` with parts of it replaced."""
    for place, length, new in edits:
        start = int(place * len(text))
        text = text[:start] + new + text[start + length :]
    return text


def changed(document: Any, changes: list[tuple[float, str, Any]]) -> str:
    """``document``, as JSON, with some of its values replaced, removed, renamed or repeated."""
    document = copy.deepcopy(document)
    for place, how, odd in changes:
        places: list[tuple[Any, Any]] = []
        pending: list[Any] = [document]
        while pending:
            one = pending.pop()
            steps = (
                [*one.items()]
                if isinstance(one, dict)
                else [*enumerate(one)]
                if isinstance(one, list)
                else []
            )
            places += ((one, step) for step, _ in steps)
            pending += (below for _, below in steps)
        if not places:
            break
        parent, step = places[int(place * len(places))]
        match how:
            case "remove":
                del parent[step]
            case "rename" if isinstance(parent, dict):
                parent[WORDS[int(place * len(WORDS))]] = parent.pop(step)
            case "repeat" if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[step]))
            case _:
                parent[step] = copy.deepcopy(odd)
    return json.dumps(document, ensure_ascii=False)


@cache
def policies() -> LoadedPolicies:
    return loaded(GATEWAY, POLICY)


def check(text: str) -> bool:
    """Read ``text`` and hold it to what is promised; tell whether it was right."""
    file = read("a.kuadrant-test.yaml", text)
    if isinstance(file, PolicyTestFile):
        asked = policies().gateway_of(file)
        file = (asked,) if not hasattr(asked, "ask") else file
    if isinstance(file, PolicyTestFile):
        found = simulate_file(file, gateway(policies(), file))
        results = Results(files=(found,), coverage=coverage([policies().inventory], [found]))
        for form in get_args(Form):
            assert report(results, form)
        return True
    lines = len(text.splitlines()) + 1
    assert file
    for problem in file:
        assert 1 <= problem.line <= lines, problem
        assert problem.column >= 1, problem
        assert problem.message, problem
        assert "\n" not in str(problem), problem
    for form in get_args(Form):
        assert report_problems(file, form)
    return False


def test_the_corpus_is_right() -> None:
    assert check(RUNS)
    assert isinstance(read("a", EVERY_FIELD), PolicyTestFile)


def test_mutated_files(fuzz: Fuzz) -> None:
    number = int(2_000 * fuzz.scale)
    right = 0

    @seed(fuzz.seed)
    @settings(max_examples=number, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        st.builds(edited, st.sampled_from(TEXTS), EDITS)
        | st.builds(changed, st.sampled_from(DOCUMENTS), CHANGES)
    )
    def run(text: str) -> None:
        nonlocal right
        right += check(text)

    run()
    assert right
    fuzz.done(f"mutated files, {right} of them right", number)
