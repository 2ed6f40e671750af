"""A test file says what is wrong with it, where, and what to do."""

from __future__ import annotations

import pytest

from kuadrant.policy_tests.file_rules import requests_of
from tests.unit.policy_tests.examples import EVERY_FIELD, mistakes, read_tests


def _step(step: str) -> str:
    return f"tests:\n- name: a\n  steps:\n  - {step}\n"


def _request(fields: str) -> str:
    return _step(f"request: {{host: a.x, {fields}}}")


def _expect(fields: str) -> str:
    return _step(f"{{request: {{host: a.x}}, expect: {{{fields}}}}}")


def test_a_file_with_every_field_has_no_mistake() -> None:
    file = read_tests(EVERY_FIELD)
    assert file.tests.tests[0].steps[0].request is not None
    assert file.place(("tests", 0, "steps", 0, "expect", "limitedBy")) == (20, 18)


def test_json_is_read_too() -> None:
    read_tests(
        '{"tests": [{"name": "a", "steps": [{"request": {"host": "a.x"}, "expect": {"status": 200}}]}]}'
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1:1: is empty; it needs tests, each with a name and steps"),
        ("# nothing\n", "1:1: is empty; it needs tests, each with a name and steps"),
        ("- a\n", "1:1: is a list, must be a mapping with tests"),
        ("tests: [\n", "2:1: is not YAML: did not find expected node content"),
        ("tests: []\n", "1:8: tests: must have at least 1 item"),
        ("policies: [.]\n", "1:1: tests: is missing"),
        ("tests: [{name: a}]\n", "1:9: test a: tests[0].steps: is missing"),
        ("tests: [{steps: []}]\n", "1:9: tests[0].name: is missing"),
        (f"{_request('')}---\ntests: []\n", "6:1: is a second document; a test file is one"),
        (f"{_request('')}test: 1\n", '5:1: test: is not a field; did you mean "tests"?'),
        (f"kind: Tests\n{_request('')}", "1:1: kind: is not a field; there are gateway, policies, port"),
    ],
)
def test_a_file_as_a_whole(text: str, says: str) -> None:
    assert any(line.startswith(says) for line in mistakes(text))


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("{}", "5: has neither request nor advance; write what is sent, or how much time passes"),
        ("at: 1s", "5: has neither request nor advance; write what is sent, or how much time passes"),
        ("{advance: 10}", "15:.advance: is 10, must be a duration of one to four parts"),
        ("{advance: soon}", '15:.advance: is "soon", must be a duration of one to four parts'),
        ("{advance: 1s, times: 3}", "26:.times: is beside advance, which is a step of its own"),
        ("{request: {host: a.x}, times: 0}", "35:.times: is 0, must be from 1 to 10000"),
        ("{request: {host: a.x}, expects: 1}", '28:.expects: is not a field; did you mean "expect"?'),
        (
            "{request: {host: a.x}, times: 5, expect: {status: 200x5 then 429}}",
            "55:.expect.status: tells of 6 requests or more, and times is 5",
        ),
        (
            "{request: {host: a.x}, times: 3, expect: {status: [200, 429]}}",
            "55:.expect.status: tells of 2 requests, and times is 3",
        ),
        (
            "{request: {host: a.x}, expect: {status: 200x20000}}",
            "45:.expect.status: tells of 20000 requests; a step sends at most 10000",
        ),
    ],
)
def test_a_step(step: str, says: str) -> None:
    column, _, message = says.partition(":")
    (line,) = mistakes(_step(step))
    assert line.startswith(
        f"4:{column}: test a: tests[0].steps[0]{'' if message[0] == '.' else ':'}{message}"
    )


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ("metod: GET", "metod", 'is not a field; did you mean "method"?'),
        ("method: get", "method", 'is "get", must be a method in capital letters, such as GET'),
        ("path: toys", "path", 'is "toys", must be a path such as /toys'),
        ("path: /a b", "path", 'is "/a b", must be a path such as /toys'),
        ("path: '/a#b'", "path", 'is "/a#b", must be a path such as /toys'),
        ("path: //a", "path", "has slashes side by side; write the path as the gateway sees it"),
        ("path: /a/../b", "path", "has a part that is . or ..; write the path as the gateway sees it"),
        ("path: /%7Ea", "path", "has %7E for ~; write the path as the gateway sees it"),
        ("path: /a%2Fb", "path", "has %2F for /; write the path as the gateway sees it"),
        ("path: /100%", "path", "has a % without two digits behind it; write a % as %25"),
        ("headers: {Host: a.x}", "headers.Host", "has a field of its own; write it as request.host"),
        ("headers: {':path': /}", 'headers[":path"]', "is no name of a header"),
        ("headers: {X-User: a, x-user: b}", "headers.x-user", "is given twice, as X-User, too"),
        ("headers: {x-user: 1}", "headers.x-user", "is 1, must be text; put it in quotes"),
        ('headers: {x-user: "a\\nb"}', "headers.x-user", "must not hold line breaks"),
        ("query: {page: 1}", "query.page", "is 1, must be text; put it in quotes"),
        ("source: somewhere", "source", 'is "somewhere", must be an IP address such as 10.0.0.7'),
        ("source: 10.0.0", "source", 'is "10.0.0", must be an IP address such as 10.0.0.7'),
        ("source: '10.0.0.7:99999'", "source", "must be an IP address such as 10.0.0.7"),
        ("jwt: alice", "jwt", 'is "alice", must be a mapping'),
        ("jwtProvider: me", "jwtProvider", "says who verified a token, and there is none"),
    ],
)
def test_a_request(fields: str, field: str, says: str) -> None:
    (line,) = mistakes(_request(fields))
    assert f": test a: tests[0].steps[0].request.{field}: " in line
    assert says in line


def test_a_request_needs_a_host() -> None:
    assert mistakes(_step("request: {path: /}")) == [
        "4:14: test a: tests[0].steps[0].request.host: is missing"
    ]


@pytest.mark.parametrize(
    "source", ["10.0.0.7", "10.0.0.7:4711", "2001:db8::7", "'[2001:db8::7]:4711'", "'[::1]'"]
)
def test_a_source_is_an_address_with_or_without_a_port(source: str) -> None:
    read_tests(_request(f"source: {source}"))


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ("limitedby: a", "limitedby", 'is not a field; did you mean "limitedBy"?'),
        ("status: ok", "status", "is no status at 'ok'; it must be a status such as 429"),
        ("asked: maybe", "asked", 'is "maybe", must be true or false'),
        ("asked: false, limitedBy: a", "limitedBy", "cannot be where nothing is asked"),
        ("asked: false, remaining: 1", "remaining", "cannot be where nothing is asked"),
        ("remaining: -1", "remaining", "is -1, must be at least 0"),
        ("policies: toystore", "policies", 'is "toystore", must be a list'),
        ("headers: {'a b': c}", 'headers["a b"]', "is no name of a header"),
    ],
)
def test_an_expectation(fields: str, field: str, says: str) -> None:
    (line,) = mistakes(_expect(fields))
    assert f": test a: tests[0].steps[0].expect.{field}: " in line
    assert says in line


def test_time_goes_on_only() -> None:
    assert mistakes(
        """\
        tests:
        - name: a
          steps:
          - {at: 10s, request: {host: a.x}}
          - advance: 5s
          - {at: 12s, request: {host: a.x}}
        """
    ) == ["6:10: test a: tests[0].steps[2].at: is 12s, before 15s, to where the steps before it have got"]


def test_a_test_ends_within_ten_years() -> None:
    (line,) = mistakes(_step("{advance: 99999h99999h}"))
    assert line.startswith("4:15: test a: tests[0].steps[0].advance: brings the test to more than ten years")


def test_names_are_unique() -> None:
    (line,) = mistakes("tests:\n- {name: a, steps: [advance: 1s]}\n- {name: a, steps: [advance: 1s]}\n")
    assert line == '3:10: test a: tests[1].name: is "a" as in tests[0]; names are unique'


def test_a_file_asks_for_a_million_requests_at_most() -> None:
    steps = "steps: &steps [" + ", ".join(["{request: {host: a.x}, times: 10000}"] * 60) + "]"
    (line,) = mistakes(f"tests:\n- name: a\n  {steps}\n- name: b\n  steps: *steps\n")
    assert line.startswith("4:3: test b: tests[1]: brings the file to more than 1,000,000 requests")


@pytest.mark.parametrize(
    ("step", "requests"),
    [
        ("request: {host: a.x}", 1),
        ("{request: {host: a.x}, times: 4}", 4),
        ("{request: {host: a.x}, expect: {status: 200}}", 1),
        ("{request: {host: a.x}, expect: {status: [200, 200, 429]}}", 3),
        ("{request: {host: a.x}, expect: {status: 200x5 then 429}}", 6),
        ("advance: 1s", 0),
    ],
)
def test_a_step_sends_as_many_requests_as_it_says_or_its_statuses_tell_of(step: str, requests: int) -> None:
    assert requests_of(read_tests(_step(step)).tests.tests[0].steps[0]) == requests
