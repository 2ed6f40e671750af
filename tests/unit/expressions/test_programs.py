"""What programs are, and that none of them does harm."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuadrant.expressions import encoding, program_nodes
from kuadrant.expressions.functions import NUMBERS
from kuadrant.expressions.not_evaluable import OutsideError
from kuadrant.reference_model import Request

from .evaluations import ERROR, attributes, compiled, of_activation, of_google, of_module
from .largest_request import STEPS
from .program_runner import Failure, Outcome, written_attributes

if TYPE_CHECKING:
    from tests.conftest import Fuzz

    from .program_runner import Runner

PROGRAMS = 100_000
SOURCES = Path(__file__).parents[3] / "wasm-shim" / "src" / "cel"
USUAL = "request.method == 'POST' && request.path.startsWith('/x') && request.headers['x-a'] == 'b'"
VARIED = [
    USUAL,
    "request.headers.exists(h, h.startsWith('x-') && request.headers[h].lowerAscii() in ['a'])",
    "request.path.matches('^/(toys|v[0-9]{1,3})(/.*)?$') || request.?referer.orValue('') != ''",
    "cel.bind(q, queryMap(request.query, true), size(q) > 1 ? q['a'] : {'a': [1, 2.5, 3u, b'x']}.a)",
    "request.path.split('/').map(x, x.replace('a', 'b', 2)).filter(x, size(x) > 1).join('-').substring(1)",
    "timestamp('2024-01-01T00:00:00Z') + duration('1s') > request.time || request.time.getHours('UTC') > 5",
    "optional.of({'a': {'b': request.id}}).a.b.optMap(x, x + string(1.5)).or(optional.none()).value()",
]


def test_the_same_text_gives_the_same_bytes() -> None:
    assert compiled(USUAL, fold=True)[1] == compiled(USUAL, fold=True)[1]
    assert len(compiled(USUAL, fold=True)[1]) < len(USUAL)


def test_constants_are_folded() -> None:
    folded = compiled("request.size > 60 * 60", fold=True)[1]
    assert folded == compiled("request.size > 3600", fold=True)[1]


def test_what_always_fails_is_left_to_the_module(runner: Runner) -> None:
    """Google's evaluation ends at a key that a map has twice, where nothing but a failure is at stake."""
    text = "[1].exists(x, x == 1 || {'a': 'b', 'a': 'c'} == {'a': 'd'}) && request.path == '/'"
    assert runner.evaluate(compiled(text, fold=True)[1], {("request", "path"): "/"}) is True


def test_the_host_is_found_and_not_listed_among_the_headers(runner: Runner) -> None:
    """As in Envoy."""
    headers = {("request", "headers"): {":authority": "a", "x": "b"}}
    for text, value in (
        ("['Host'].map(name, request.headers[name])", ["a"]),
        ("['HOST'].all(name, name in request.headers)", True),
        ("size(request.headers)", 2),
        ("request.headers.exists(name, name == 'host')", False),
    ):
        assert runner.evaluate(compiled(text, fold=True)[1], headers) == value


@pytest.mark.parametrize(
    "expression",
    [
        "[?request.headers[?'X-A']] == ['b']",
        "[?request.headers[?'x-a'], ?request.?referer, 'c'].join(',')",
        "{?'a': request.headers[?'x-a']}",
        "[?request.headers[?'x-a']].map(v, v + request.path).exists(p, p.contains('b/'))",
        "[?queryMap(request.query)[?'b']].size()",
        "size([?request.headers[?'x-a'].optMap(v, v + 'c')]) == 1 ? 'there' : 'not there'",
    ],
)
def test_what_a_request_may_not_have_is_an_item_of_a_list_if_it_has_it(
    expression: str, runner: Runner
) -> None:
    both, program = compiled(expression, fold=True)
    for headers in ((), (("x-a", "b"), ("referer", "http://a.x/"))):
        request = Request(authority="a.x", target="/?b=1", headers=headers)
        google = of_google(both, of_activation(request))
        assert of_module(runner.evaluate(program, attributes(request))) == google
        assert google != ERROR


def test_what_stands_there_twice_is_there_once() -> None:
    once = compiled("request.path.split('/')[1] == 'a'", fold=True)[1]
    twice = compiled("request.path.split('/')[1] == 'a' || request.path.split('/')[1] == 'b'", fold=True)[1]
    assert len(twice) < len(once) + 16
    assert bytes([program_nodes.KEEP, 1]) in twice


def test_a_part_may_end_with_its_text(runner: Runner) -> None:
    """Google's implementation fails there, as no definition says."""
    assert runner.evaluate(compiled("'tacocat'.substring(4, 7) == 'cat'", fold=False)[1]) is True


def test_what_does_not_change_in_a_loop_is_evaluated_once(runner: Runner) -> None:
    path = {("request", "path"): "/".join("abcdefghij" * 20)}
    many = compiled("request.path.split('/').all(x, x in request.path.upperAscii().split('/'))", fold=True)[1]
    runner.evaluate(many, path)
    assert runner.taken[1] < 40_000


@pytest.mark.parametrize(
    "expression",
    [
        "filter_state.x == 'a'",
        "request.path.matches(request.id)",
        "request == request",
        "xds.cluster_name == 'a'",
        "request.time.getHours('Europe/Berlin') > 5",
        "request.path.matches('\\\\pN')",
        "'%s'.format([request.path])",
        "request.nothing == 'a'",
    ],
)
def test_what_is_outside(expression: str) -> None:
    with pytest.raises(OutsideError):
        compiled(expression, fold=True)


def test_functions_have_the_same_numbers_in_the_module() -> None:
    text = (SOURCES / "function.zig").read_text(encoding="utf-8")
    listed = re.findall(r"^    (\w+) = (\d+),$", text, re.MULTILINE)
    assert sorted(int(number) for _, number in listed) == sorted(NUMBERS.values())


@pytest.mark.slow
def test_a_newer_program_is_refused_as_such(runner: Runner) -> None:
    program = compiled(USUAL, fold=True)[1]
    assert runner.evaluate(encoding.integer(program_nodes.VERSION + 1) + program[1:]) is Outcome.NEWER
    assert runner.evaluate(b"\0" + program[1:]) is Outcome.MALFORMED
    assert runner.evaluate(program[:-1]) is Outcome.MALFORMED


@pytest.mark.slow
def test_steps_and_bytes_have_an_end(runner: Runner) -> None:
    attributes = {("request", "path"): "a" * 60_000}
    program = compiled("request.path.matches('(a?){50}b')", fold=True)[1]
    assert runner.evaluate(program, attributes, steps=STEPS) is Outcome.TOO_MUCH
    larger = compiled("request.path + request.path + '1'", fold=True)[1]
    assert runner.evaluate(larger, attributes, memory=100_000) is Outcome.TOO_MUCH
    # Whatever stands beside it: it is no failure that `||` could leave aside.
    beside = compiled("request.path.matches('(a?){50}b') || true", fold=True)[1]
    assert runner.evaluate(beside, attributes, steps=STEPS) is Outcome.TOO_MUCH


@pytest.mark.slow
def test_an_attribute_that_is_not_there_is_a_failure(runner: Runner) -> None:
    assert runner.evaluate(compiled("request.referer", fold=True)[1]) is Failure.NO_ATTRIBUTE
    assert runner.evaluate(compiled("request.referer == 'a' || true", fold=True)[1]) is True


@pytest.mark.slow
def test_fuzz_programs(runner: Runner, fuzz: Fuzz) -> None:
    given = written_attributes(
        {
            ("request", "path"): "/toys/é?a=1",
            ("request", "headers"): {"x-a": "b", "y": "z"},
            ("request", "size"): 5,
        }
    )
    programs = [compiled(text, fold=False)[1] for text in VARIED]
    data = encoding.text(given) + encoding.integer(len(programs)) + b"".join(map(encoding.text, programs))
    rounds, done, evaluated = max(1, round(fuzz.scale)), 0, 0
    for number in range(rounds):
        done += PROGRAMS
        evaluated += runner.call("fuzz", runner.write(data), len(data), PROGRAMS, fuzz.seed + number)
        fuzz.progress(done, PROGRAMS * rounds)
    assert evaluated > done // 10
    fuzz.done(f"programs, {evaluated} of which could be evaluated", done)
