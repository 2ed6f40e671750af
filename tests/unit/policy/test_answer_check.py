"""Texts of answers that are made of the request: what can be said, and what nothing can be inserted into."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api.documents import read as read_documents
from kuadrant.api.over_limit import OverLimit
from kuadrant.policy.answer_check import check_answer
from kuadrant.policy.answer_text import body_kind, in_body, on_one_line, pieces
from kuadrant.policy.expression_check import checked
from kuadrant.policy.policy_check import check
from kuadrant.policy.version_conversion import to_model

JSON = {"content-type": {"value": "application/json"}}


def mistakes(over: Any) -> list[tuple[str, str]]:
    found = check_answer(msgspec.convert(over, OverLimit), [])
    return [(".".join(map(str, one.field)), one.message) for one in found]


def body(expression: str, content_type: str | None = None) -> dict[str, Any]:
    headers = {} if content_type is None else {"headers": {"Content-Type": {"value": content_type}}}
    return {**headers, "body": {"expression": expression}}


@pytest.mark.parametrize(
    "over",
    [
        body("'you asked for ' + request.path"),
        body("request.path", "text/plain; charset=utf-8"),
        body("""'{"path":"' + request.path + '"}'""", "application/json"),
        body(
            """'{"' + request.method + '":[' + string(request.size) + ',"' + request.host + '"]}'""",
            "a/b+json",
        )
        | {"headers": {"content-type": {"value": "application/vnd.a+json"}}},
        body("""('{"a":"' + request.path) + ('-' + request.method + '"}')""", "application/json"),
        {"body": {"selector": "request.path"}},
        {"headers": {"x-user": {"selector": "request.headers.x-user"}, "x": {"expression": "request.time"}}},
        {"message": {"expression": "'for ' + request.host"}},
    ],
)
def test_these_can_be_said(over: Any) -> None:
    assert mistakes(over) == []


@pytest.mark.parametrize(
    ("over", "field", "message"),
    [
        (body("request.path +"), "body.expression", "line 1, column 15"),
        (body("[1]"), "body.expression", "it must have a value that can be written as text"),
        (body("request.headers"), "body.expression", "it must have a value that can be written as text"),
        (body("auth.identity.sub"), "body.expression", "auth"),
        (body("'a' + request.pth"), "body.expression", "pth"),
        ({"message": {"selector": "a..b"}}, "message.selector", "is no selector"),
        ({"headers": {"x": {"selector": "auth.identity.sub"}}}, "headers.x.selector", "never has a value"),
        (body("request.path", "text/html"), "body.expression", "text/plain"),
        (body("request.path", "application/javascript"), "body.expression", "text/plain"),
        (
            {"headers": {"content-type": {"selector": "request.path"}}, "body": {"selector": "request.path"}},
            "body.selector",
            "content-type has to be a value",
        ),
        ({"headers": JSON, "body": {"selector": "request.path"}}, "body.selector", "within quotes"),
        (body("request.path", "application/json"), "body.expression", "outside of a string"),
        (body("'{\"n\":' + request.headers['n'] + '}'", "application/json"), "body.expression", "outside"),
        (body("'{\"n\":' + string(1.0) + '}'", "application/json"), "body.expression", "outside"),
        (body("""'{"n":"' + request.path + '}'""", "application/json"), "body.expression", "no JSON"),
        (body(r"""'{"n":"\\' + request.path + '"}'""", "application/json"), "body.expression", "no JSON"),
        (body(r"""'{"n":"\\u00' + request.path + '"}'""", "application/json"), "body.expression", "no JSON"),
    ],
)
def test_these_cannot(over: Any, field: str, message: str) -> None:
    ((found, words),) = mistakes(over)
    assert found == field
    assert message in words


def test_what_an_expression_is_put_together_from() -> None:
    def of(expression: str) -> list[str]:
        return [one if isinstance(one, str) else "*" for one in pieces(checked(expression).expression)]

    assert of("'a' + 'b' + request.path + ('c' + request.method) + 'd'") == ["ab", "*", "c", "*", "d"]
    assert of("request.path + request.method") == ["*"]
    assert of("request.size + 1") == ["*"]
    assert of("'a'") == ["a"]
    assert of("request.method == 'GET' ? 'a' + request.path : 'b'") == ["*"]


@given(st.text())
def test_whatever_is_inserted_it_stays_where_it_is(text: str) -> None:
    assert json.loads(f'"{in_body(text, "json")}"') == text[:256]
    assert on_one_line(text).isascii()
    assert not {*in_body(text, "text"), *on_one_line(text)} & {"\r", "\n", "\0", "\x7f"}


def test_what_bodies_are_to_their_readers() -> None:
    kinds = {one: body_kind(one) for one in ("application/json", "Application/Problem+JSON; x", "text/json")}
    assert {*kinds.values()} == {"json"}
    assert body_kind("text/plain;charset=utf-8") == "text"
    assert [body_kind(one) for one in ("", "text/html", "application/xml", "image/svg+xml")] == [None] * 4


POLICY = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: p, namespace: ns}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}
  limits: {a: {rates: [{limit: 1, window: 10s}]}}
  response: {overLimit: %s}
"""


def checked_policy(over: str) -> Any:
    folder = read_documents([("a.yaml", POLICY % over)])
    assert folder.problems == ()
    (policy,) = folder.objects.rate_limit_policies
    return check(to_model(policy))


def test_a_policy_with_an_answer_that_cannot_be_made_is_refused_with_the_place() -> None:
    found = checked_policy("{body: {expression: request.pth}}")
    assert found.refusal.startswith("spec.response.overLimit.body.expression: line 1, column 8")
    assert [one.code for one in found.problems] == ["invalid-expression"]


def test_what_its_expressions_cost_counts_as_that_of_conditions() -> None:
    asks = checked_policy("{body: {expression: request.path}, message: {selector: request.path}}").usage
    without = checked_policy("{}").usage
    assert asks.steps > without.steps
    assert asks.text == without.text + 2 * len("request.path")


@pytest.mark.parametrize(
    ("over", "field", "message"),
    [
        ({"body": {"value": "a", "expression": "'b'"}}, "body", "must have one of"),
        ({"message": {}}, "message", "must have one of"),
        ({"headers": {"x": {"value": "a", "selector": "request.path"}}}, "headers.x", "must have one of"),
        ({"body": {"problem": True, "expression": "'a'"}}, "body.problem", "leave out the value"),
        ({"body": {"expression": ""}}, "body.expression", ""),
        ({"body": {"expression": "a" * 2049}}, "body.expression", "2048"),
    ],
)
def test_each_text_is_said_once(over: Any, field: str, message: str) -> None:
    folder = read_documents([("a.yaml", POLICY % yaml.safe_dump(over, default_flow_style=True).strip())])
    assert folder.problems[0].field.startswith(f"spec.response.overLimit.{field}")
    assert message in folder.problems[0].message
