"""What a request's decision leaves for access logs, where the configuration asks for records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.expressions import programs

from .examples import (
    OK,
    OVER_LIMIT,
    action,
    configuration,
    configure,
    entry,
    field,
    limit,
    paused,
    request,
    rule,
    service,
)

if TYPE_CHECKING:
    from .examples import Json
    from .proxy_wasm_host import Host, Stream

TOYS, CARS = "limit.toys__0a1b2c3d", "limit.cars__4e5f6a7b"
ABSENT = "request.headers['x-plan'] == 'free'"
SECRET = "a-secret-of-the-client"


def of(key: str, *texts: str, when: tuple[Json, ...] = ()) -> Json:
    """A limit with what records say of it."""
    return {
        **limit(entry(key), when=when),
        "record": {"policies": ["default/toystore"], "when": list(texts)},
    }


def recording(host: Host, *limits: Json, mode: str = "deny", on: bool = True) -> None:
    services = {"limiter": service(failureMode=mode)}
    one = rule(action(*limits, scope="default/toys"), route="default/toys")
    document = {**configuration(one, services=services), "decisionRecords": on}
    configure(host, document)


def record(stream: Stream) -> Json:
    """The record that a stream's access log has."""
    (name,) = stream.properties
    assert name == "kuadrant.decision"
    found: Json = json.loads(stream.properties[name])
    return found


def reached(key: str) -> bytes:
    """``OVER_LIMIT`` that names a limit."""
    return OVER_LIMIT + field(2, b"\x08\x02" + field(2, field(3, key.encode())))


def test_a_limited_request_names_the_limit_its_policies_and_all_that_applied(host: Host) -> None:
    recording(host, of(TOYS), of(CARS))
    stream, call = paused(host)
    host.answer(call, reached(CARS))
    assert record(stream) == {
        "verdict": "limited",
        "limit": CARS,
        "policies": ["default/toystore"],
        "scope": "default/toys",
        "route": "default/toys",
        "rule": "rule",
        "asked": [TOYS, CARS],
    }


def test_an_admitted_request_names_what_applied_to_it(host: Host) -> None:
    never = {"selector": "request.method", "operator": "eq", "value": "POST"}
    recording(host, of(TOYS), of(CARS, when=(never,)))
    stream, call = paused(host)
    assert not stream.properties, "nothing is decided yet"
    host.answer(call, OK)
    assert record(stream) == {
        "verdict": "allowed",
        "route": "default/toys",
        "rule": "rule",
        "asked": [TOYS],
    }


def test_a_request_that_no_limit_applies_to_is_allowed_without_a_question(host: Host) -> None:
    recording(host, of(TOYS, when=({"selector": "request.method", "operator": "eq", "value": "POST"},)))
    stream = host.request(request())
    assert record(stream) == {"verdict": "allowed", "route": "default/toys", "rule": "rule"}


def test_a_request_whose_rule_has_no_action_leaves_nothing(host: Host) -> None:
    configure(host, {**configuration({"name": "free"}), "decisionRecords": True})
    assert not host.request(request()).properties


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"expression": ABSENT}, {"part": "condition 1", "expression": ABSENT}),
        ({"program": programs.predicate(ABSENT)}, {"part": "condition 1", "expression": ABSENT}),
    ],
)
def test_what_could_not_be_evaluated_is_shown_as_it_was_written(host: Host, wrong: Json, part: Json) -> None:
    recording(host, of(TOYS), of(CARS, ABSENT, when=(wrong,)))
    stream = host.request(request())
    assert stream.response.status == 500
    assert record(stream) == {
        "verdict": "failed",
        "error": "expression",
        "limit": CARS,
        "policies": ["default/toystore"],
        **part,
        "scope": "default/toys",
        "route": "default/toys",
        "rule": "rule",
    }


def test_a_limit_that_is_left_out_is_told_with_what_was_decided_without_it(host: Host) -> None:
    recording(host, of(TOYS), of(CARS, ABSENT, when=({"expression": ABSENT},)), mode="allow")
    stream, call = paused(host)
    host.answer(call, OK)
    found = record(stream)
    assert (found["verdict"], found["error"], found["asked"]) == ("allowed", "expression", [TOYS])


@pytest.mark.parametrize(("mode", "verdict"), [("deny", "failed"), ("allow", "allowed")])
def test_a_question_without_an_answer_is_told_whatever_the_mode(host: Host, mode: str, verdict: str) -> None:
    recording(host, of(TOYS), mode=mode)
    stream, call = paused(host)
    host.fail(call, 9)
    found = record(stream)
    assert (found["verdict"], found["error"]) == (verdict, "refused,grpc_status_9")


def test_nothing_of_the_client_is_in_it(host: Host) -> None:
    user = {"key": "request.headers['x-user']", "expression": "request.headers['x-user']"}
    recording(host, {**of(TOYS), "entries": [entry(TOYS), user]})
    stream, call = paused(host, request(f"/{SECRET}?{SECRET}", x_user=SECRET))
    host.answer(call, reached(TOYS))
    assert SECRET not in json.dumps(record(stream))


@pytest.mark.parametrize("on", [True, False])
def test_records_are_left_where_they_are_asked_for(host: Host, on: bool) -> None:
    recording(host, of(TOYS), on=on)
    stream, call = paused(host)
    host.answer(call, reached(TOYS))
    assert bool(stream.properties) is on


def test_however_long_names_are_a_record_is_whole_and_bounded(host: Host) -> None:
    long: Any = ['\n"\u20ac' * 2000] * 50
    said = {"policies": long, "when": long}
    wide = [{**of(f"limit.{number}" + '"' * 400), "record": said} for number in range(60)]
    one = rule(action(*wide, scope="\x01" * 2000), route="\\" * 2000, name='"' * 2000)
    configure(host, {**configuration(one), "decisionRecords": True})
    stream, call = paused(host)
    host.answer(call, OVER_LIMIT)
    text = stream.properties["kuadrant.decision"]
    assert len(text) < 4096
    assert record(stream)["verdict"] == "limited"
