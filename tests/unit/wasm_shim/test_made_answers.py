"""Answers over a limit that are made of the request: by the module as by the model, and nothing injected."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuadrant.api.over_limit import OverLimit
from kuadrant.api.response import Response
from kuadrant.dialects.own.answers import answer
from kuadrant.policy.answer_check import check_answer
from kuadrant.reference_model.counters import Answer
from kuadrant.reference_model.over_limit import refused
from kuadrant.reference_model.request import Request

from .examples import OVER_LIMIT, configuration, configure, paused, request, rule
from .proxy_wasm_host import Host

if TYPE_CHECKING:
    from .examples import Json
    from .proxy_wasm_host import LocalResponse, Program

JSON = {"content-type": {"value": "application/problem+json; charset=utf-8"}}
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=300)
LIMITED = Answer(limited=True, standings=())


def told(over: Json) -> OverLimit:
    """An answer as a policy says it, without any mistake."""
    said = msgspec.convert(over, OverLimit)
    assert [*check_answer(said, [])] == []
    return said


def configured(host: Host, over: Json) -> OverLimit:
    said = told(over)
    response = {"overLimit": json.loads(msgspec.json.encode(answer(said)))}
    configure(host, configuration(rule(response=response)))
    return said


def refusal(host: Host, path: str = "/", kind: str = "", **headers: str) -> LocalResponse:
    sent = headers | ({"content_type": kind} if kind else {})
    stream, call = paused(host, request(path, **sent))
    host.answer(call, OVER_LIMIT)
    return stream.response


def header_of(response: LocalResponse, name: bytes) -> bytes | None:
    return dict(response.headers).get(name)


def test_texts_are_made_of_the_request(host: Host) -> None:
    over = {
        "code": 503,
        "message": {"expression": "'Slow down, ' + request.headers['x-user']"},
        "headers": {
            "X-Path": {"expression": "request.path"},
            "x-user": {"selector": "request.headers.x-user"},
            "x-number": {"expression": "1 + 1"},
            "x-fixed": {"value": "1"},
            "content-type": {"value": "application/json"},
        },
        "body": {"expression": """'{"path":"' + request.path + '","size":' + string(1 + 1) + '}'"""},
    }
    configured(host, over)
    response = refusal(host, "/toys?a", x_user="ann")
    assert response.status == 503
    assert json.loads(response.body) == {"path": "/toys?a", "size": 2}
    assert dict(response.headers) == {
        b"x-fixed": b"1",
        b"content-type": b"application/json",
        b"x-path": b"/toys?a",
        b"x-number": b"2",
        b"x-user": b"ann",
    }
    assert refusal(host, kind="application/grpc", x_user="ann").body == b"Slow down, ann"


def test_an_expression_that_fails_leaves_its_part_out_and_the_rest_as_it_is(host: Host) -> None:
    absent = "request.headers['x-absent']"
    over = {
        "code": 503,
        "message": {"expression": absent},
        "headers": {
            **JSON,
            "x-a": {"expression": f"'a' + {absent}"},
            "x-b": {"selector": "request.headers.x-absent"},
            "x-c": {"value": "c"},
        },
        "body": {"expression": f"""'{{"a":"' + {absent} + '"}}'"""},
    }
    configured(host, over)
    response = refusal(host)
    assert (response.status, response.body, response.headers) == (
        503,
        b"Too Many Requests\n",
        ((b"x-c", b"c"),),
    )
    assert "the answer to a request over a limit is without what it is for" in host.logs[-1][1]


def test_what_has_an_expression_costs_nothing_for_those_that_are_admitted(host: Host) -> None:
    def asked(over: Json) -> list[str]:
        configured(host, over)
        host.host_calls.clear()
        paused(host, request("/", x="1"))
        return list(host.host_calls)

    made = {"body": {"expression": "request.path + request.headers['x'] + request.method"}}
    assert asked(made) == asked({"body": {"value": "a"}})


def test_each_request_gets_its_own(host: Host) -> None:
    configured(host, {"headers": {"x-own": {"expression": "request.path + request.headers['x']"}}})
    first, second = (paused(host, request(path, x=path)) for path in ("/1", "/2"))
    for (stream, call), path in ((second, b"/2"), (first, b"/1")):
        host.answer(call, OVER_LIMIT)
        assert header_of(stream.response, b"x-own") == path * 2


def test_a_value_is_cut(host: Host) -> None:
    over = {
        "headers": {"x-own": {"expression": "'ab' + request.headers['x'] + 'c'"}, **JSON},
        "body": {"expression": """'["' + request.headers['x'] + '"]'"""},
    }
    configured(host, over)
    response = refusal(host, x="é" * 300)
    assert header_of(response, b"x-own") == b"ab" + b"?" * 254
    assert json.loads(response.body) == ["é" * 256]


@settings(deadline=None, max_examples=100)
@given(value=TEXTS, path=TEXTS, is_grpc=st.booleans())
def test_the_module_makes_what_the_model_makes_and_nothing_is_injected(
    program: Program, value: str, path: str, is_grpc: bool
) -> None:
    host = Host(program)
    over = {
        "message": {"selector": "request.headers.x"},
        "headers": {
            **JSON,
            "x-own": {"expression": "'<' + request.headers['x'] + request.path + '>'"},
            "x-other": {"selector": "request.path"},
        },
        "body": {"expression": """'{"' + request.path + '":[true,"' + request.headers['x'] + '"]}'"""},
    }
    said = configured(host, over)
    kind = "application/grpc" if is_grpc else "text/html"
    response = refusal(host, path, kind, x=value)
    asked = Request(authority="example.com", target=path, headers=(("x", value), ("content-type", kind)))
    expected = refused(Response(over_limit=said), LIMITED, asked)
    assert response.body.decode() == expected.body
    assert sorted((name.decode(), text.decode()) for name, text in response.headers) == [*expected.headers]
    assert all(" " <= one <= "~" for _, text in expected.headers for one in text)
    if not is_grpc:
        assert json.loads(response.body) == {path[:256]: [True, value[:256]]}


@settings(deadline=None, max_examples=100)
@given(value=TEXTS)
def test_a_plain_text_gets_no_further_lines(program: Program, value: str) -> None:
    host = Host(program)
    said = configured(host, {"body": {"expression": "'for ' + request.headers['x']"}})
    body = refusal(host, x=value).body.decode()
    asked = Request(authority="example.com", headers=(("x", value),))
    assert body == refused(Response(over_limit=said), LIMITED, asked).body
    assert not any(one < " " or one == "\x7f" for one in body)


@pytest.mark.parametrize(
    ("made", "place"),
    [
        ({"body": [{}]}, "body[0]: needs exactly one"),
        ({"body": [{"value": "a", "selector": "request.path"}]}, "body[0]: needs exactly one"),
        ({"message": [{"program": "?"}]}, "message[0].program: is no program"),
        ({"headers": {"a b": []}}, "headers.a b: is no name"),
        ({"headers": {"x": [{"selector": "."}]}}, "headers.x[0].selector"),
    ],
)
def test_what_cannot_be_made_refuses_the_configuration(host: Host, made: Any, place: str) -> None:
    document = configuration(rule(response={"overLimit": {"made": made}}))
    assert not host.configure(json.dumps(document).encode())
    assert f"hosts[0].rules[0].response.overLimit.made.{place}" in host.errors[0]
