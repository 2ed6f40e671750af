"""What is not known is named, and values of headers are masked wherever they could be seen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from .asking import WORLD, asked, policy

_SECRET = "s3cr3t-T0ken"


def _limit(when: str = "", counter: str = "") -> str:
    lines = ["some:", "  rates: [{limit: 2, window: 10s}]"]
    lines += [f'  when: [{{predicate: "{when}"}}]'] if when else []
    lines += [f'  counters: [{{expression: "{counter}"}}]'] if counter else []
    return policy("\n".join(lines) + "\n")


def test_what_only_the_gateway_knows_is_unknown_and_said_how_to_give() -> None:
    found = asked(_limit(counter="source.remote_address"))
    assert (found.outcome, found.otherwise) == ("unknown", "admitted")
    assert [(fact.name, fact.give) for fact in found.unknown] == [("source.remote_address", "--from ADDRESS")]
    assert found.limits[0].applies == "unknown"


@pytest.mark.parametrize(
    ("counter", "request_"),
    [
        ("source.remote_address", {"source": "10.0.0.7"}),
        ("source.remote_address + request.method", {"source": "10.0.0.7"}),
        ("source.address", {"source": "10.0.0.7:4711"}),
        ("string(request.time)", {"time": datetime(2026, 1, 2, tzinfo=UTC)}),
        (
            "metadata.filter_metadata['envoy.filters.http.jwt_authn'].payload.sub",
            {"claims": {"sub": "alice"}},
        ),
        ("metadata.filter_metadata['envoy.filters.http.jwt_authn'].mine.level", {"claims": {"level": 3}}),
    ],
)
def test_what_is_given_is_known(counter: str, request_: dict[str, Any]) -> None:
    assert asked(_limit(counter=counter)).outcome == "unknown"
    found = asked(_limit(counter=counter), **request_)
    assert (found.outcome, found.unknown) == ("admitted", ())


def test_an_address_without_a_port_does_not_tell_the_attribute_that_has_one() -> None:
    found = asked(_limit(counter="source.address"), source="10.0.0.7")
    assert [(fact.name, fact.give) for fact in found.unknown] == [
        ("source.address", "--from ADDRESS:PORT, other in each connection")
    ]


@pytest.mark.parametrize(
    ("predicate", "result"),
    [
        ("request.method == 'POST' && source.port > 1024", "false"),
        ("source.port > 1024 && request.method == 'POST'", "false"),
        ("request.method == 'GET' || source.port > 1024", "true"),
        ("!(request.method == 'GET' || source.port > 1024)", "false"),
        ("request.method == 'GET' ? true : source.port > 1", "true"),
        ("request.method == 'GET' && source.port > 1024", "unknown"),
        ("source.port > 1024", "unknown"),
        ("source.remote_address.startsWith('10.')", "unknown"),
        ("request.method == 'GET' || source.remote_address == '10.0.0.7'", "true"),
        ("request.headers['x-request-id'] == 'a'", "unknown"),
        ("request.headers.exists(name, name == 'a')", "unknown"),
        ("request.headers[?'x-envoy-external-address'].orValue('') == ''", "unknown"),
        ("cel.bind(h, request.headers, 'X-User' in h || h[?'x-b'].hasValue())", "false"),
        ("cel.bind(h, request.headers, h.exists(name, name == 'a'))", "unknown"),
        ("cel.bind(h, request.headers, ['x-user'].exists(name, name in h))", "unknown"),
        ("cel.bind(h, request.headers, [source.port].exists(h, h > 1))", "unknown"),
        ("has(metadata.filter_metadata)", "unknown"),
    ],
)
def test_a_predicate_is_known_where_the_rest_decides(predicate: str, result: str) -> None:
    assert asked(_limit(when=predicate)).limits[0].when[0].result == result


def test_a_limit_that_fails_is_the_end_whatever_is_not_known() -> None:
    found = asked(
        _limit(when="request.headers['x'] == 'a'").replace("---\n", "")
        + """\
    other: {rates: [{limit: 1, window: 1s}], counters: [{expression: source.remote_address}]}
"""
    )
    assert (found.outcome, found.unknown) == ("failed", ())


def test_a_rule_that_depends_on_what_is_not_known_is_not_guessed() -> None:
    world = WORLD.replace("method: POST,", "headers: [{name: x-forwarded-for, value: 10.0.0.7}],")
    found = asked(world=world)
    assert (found.outcome, found.rule, found.client) == ("unknown", None, None)
    assert [fact.name for fact in found.unknown] == ["request.headers.x-forwarded-for"]
    assert asked(world=world, source="10.0.0.7").outcome == "admitted"


@pytest.mark.parametrize(
    "expression",
    [
        "request.headers['x-user']",
        "request.headers['X-User'].lowerAscii()",
        "request.headers['x-user'] + request.method",
        "string(int(request.headers['x-user']))",
        "request.headers[request.headers['x-user']]",
        "request.headers.map(n, request.headers[n]).join(',')",
        "string(request.headers['x-user'].size())",
        "request.headers.map(n, request.headers[n])[0]",
        "request.useragent",
        "cel.bind(h, request.headers, h['x-user'])",
        "string(timestamp(request.headers['x-user']))",
        "queryMap(request.headers['x-user'])[request.headers['x-user']]",
    ],
)
def test_no_value_of_a_header_is_in_the_record(expression: str) -> None:
    headers = (("x-user", _SECRET), ("user-agent", _SECRET))
    text = _limit(counter=expression)
    record = msgspec.json.encode(asked(text, headers=headers, times=3)).decode().lower()
    assert _SECRET.lower() not in record
    assert "s3cr3t" not in record


def test_values_are_shown_on_demand_also_as_counters() -> None:
    text = _limit(counter="request.headers['x-user']")
    headers = (("x-user", _SECRET),)
    shown = asked(text, headers=headers, times=3, show_values=True)
    assert shown.limits[0].standings[0].key == (("request.headers['x-user']", _SECRET),)
    masked = asked(text, headers=headers, times=3)
    assert masked.limits[0].standings[0].key == (("request.headers['x-user']", "(masked)"),)
    assert ("request.headers['x-user']", "(masked)") in masked.questions[0].entries


def test_a_header_that_is_no_match_is_masked_and_one_that_is_not_there_is_said() -> None:
    world = WORLD.replace("method: POST,", "headers: [{name: x-user, value: eve}],")
    found = asked(world=world, headers=(("x-user", _SECRET),)).looked_at[0].failing
    assert found is not None
    assert (found.wanted, found.found) == ("is eve", "(masked)")
    absent = asked(world=world).looked_at[0].failing
    assert absent is not None
    assert absent.found == "there is none"


ANSWER = """
response:
  overLimit:
    message: {expression: "'no, ' + request.headers['x-user']"}
    headers:
      x-path: {selector: request.path}
      x-user: {selector: request.headers.x-user}
      x-time: {expression: request.time}
    body: {expression: "%s"}
"""


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("'at ' + request.path", "at /toys"),
        ("request.headers['x-user']", "(masked)"),
        ("string(source.port)", "(not known)"),
        ("request.path.split('/')[9]", "(masked)"),
    ],
)
def test_an_answer_made_of_the_request_shows_no_value_of_a_header(body: str, shown: str) -> None:
    text = policy("all: {rates: [{limit: 1, window: 10s}]}", spec=ANSWER % body)
    found = asked(text, headers=(("x-user", _SECRET),), times=2)
    assert found.client is not None
    assert found.client.body == shown
    assert found.client.headers[:3] == (
        ("x-path", "/toys"),
        ("x-time", "(not known)"),
        ("x-user", "(masked)"),
    )
    assert _SECRET not in msgspec.json.encode(found).decode()
    grpc = asked(text, headers=(("x-user", _SECRET), ("content-type", "application/grpc")), times=2)
    assert _SECRET not in msgspec.json.encode(grpc).decode()
    everything = asked(text, headers=(("x-user", _SECRET),), times=2, show_values=True).client
    assert everything is not None
    assert dict(everything.headers)["x-user"] == _SECRET
