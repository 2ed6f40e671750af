"""What clients of a real gateway are told of limits: when to come again, where they stand, in whose words."""

from __future__ import annotations

import json
import sys
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import http_sf
import pytest

from tests.lab.policies import limited_by
from tests.lab.supplied import samples
from tests.lab.walk import IN_EVERY_WAY, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.walk import Walk

HOST = "answers.toystore.com"
ROUTE = f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: answers}}
spec:
  parentRefs: [{{name: GATEWAY, namespace: NAMESPACE}}]
  hostnames: [{HOST}]
  rules:
  - matches: [{{path: {{type: PathPrefix, value: /told}}}}]
    filters: [{{type: ResponseHeaderModifier, responseHeaderModifier: {{set: [
      {{name: access-control-allow-origin, value: "*"}},
      {{name: ratelimit, value: '"theirs";r=8;t=7'}},
      {{name: ratelimit-policy, value: '"theirs";q=9;w=10'}},
      {{name: x-ratelimit-limit, value: "9"}},
      {{name: x-ratelimit-remaining, value: "8"}},
      {{name: x-ratelimit-reset, value: "7"}}]}}}}]
    backendRefs: [{{name: toystore, port: 80}}]
  - backendRefs: [{{name: toystore, port: 80}}]
"""
POLICY = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: answers}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: answers}
  RESPONSE
  limits:
    one:
      rates: [{limit: 1, window: 1h}]
      counters: [{expression: "request.headers['x-case']"}]
"""
DRAFT03 = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}
RATE_LIMIT = {"ratelimit", "ratelimit-policy"}
AGAIN = {"retry-after"}
TOLD = ("retry-after", "grpc-retry-pushback-ms", "x-ratelimit-", "ratelimit")
PREFLIGHT = (
    *("-X", "OPTIONS", "-H", "origin: https://shop.example"),
    *("-H", "access-control-request-method: POST"),
)
OWN = """response:
    overLimit:
      code: 503
      message: {value: Slow down}
      headers: {content-type: {value: application/json}, x-own: {value: "a, b"}}
      body: {value: '{"code": "RATE_LIMIT_EXCEEDED"}'}"""


class Seen(NamedTuple):
    """What curl got."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    @property
    def told(self) -> dict[str, str]:
        """What tells of limits; there are no two of one kind."""
        found = [one for one in self.headers if one[0].startswith(TOLD)]
        assert len(found) == len(dict(found)), found
        return dict(found)


def ask(walk: Walk, case: str | None, *options: str, path: str = "/") -> Seen:
    """One request of ``case``."""
    of = () if case is None else ("-H", f"x-case: {case}")
    url = walk.url.removesuffix("/toys") + path
    answer = walk.lab.run("curl", "--silent", "--include", "-H", f"Host: {HOST}", *of, *options, url)
    head, _, body = answer.replace("\r", "").partition("\n\n")
    status, *lines = head.split("\n")
    headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
    return Seen(int(status.split()[1]), headers, body)


def both(walk: Walk, *options: str, path: str = "/") -> tuple[Seen, Seen]:
    """What somebody gets who is admitted and then limited."""
    case = uuid.uuid4().hex
    return ask(walk, case, *options, path=path), ask(walk, case, *options, path=path)


def members(text: str) -> dict[str, dict[str, int]]:
    """A list of RFC 9651 whose members are texts, read by a parser of others."""
    read: Any = http_sf.parse(text.encode(), tltype="list")
    return {str(name): dict(parameters) for name, parameters in read}


@pytest.fixture(scope="module")
def answers(walk: Walk) -> Iterator[Walk]:
    """A route of the gateway for these tests."""
    one = walk.provided
    walk.apply(ROUTE.replace("GATEWAY", one.gateway).replace("NAMESPACE", one.namespace))
    wait(lambda: ask(walk, None).status == 200)
    wait(lambda: "x-ratelimit-limit" in ask(walk, None, path="/told").told)
    yield walk
    for kind in ("ratelimitpolicy", "httproute"):
        walk.lab.run("kubectl", "delete", kind, "answers", "--ignore-not-found")


def limit(walk: Walk, response: str = "") -> None:
    limited_by(walk, POLICY.replace("RESPONSE", response), "answers")


@IN_EVERY_WAY
def test_who_is_limited_is_told_when_to_come_again_and_nobody_else_is(answers: Walk) -> None:
    limit(answers)
    admitted, limited = both(answers)
    assert (admitted.status, admitted.told) == (200, {})
    assert (limited.status, limited.body) == (429, "Too Many Requests")
    assert limited.told.keys() == AGAIN
    assert 3500 <= int(limited.told["retry-after"]) <= 3600
    failed = ask(answers, None)
    assert (failed.status, failed.told) == (500, {})


@IN_EVERY_WAY
def test_the_policy_says_where_a_client_stands_else_the_gateway_else_the_kuadrant(answers: Walk) -> None:
    gateway = ("gtw", answers.provided.gateway, "-n", answers.provided.namespace)
    kuadrant = ("kuadrant", "kuadrant", "-n", "kuadrant-system")
    limit(answers)
    with told_by(answers, kuadrant, "RateLimit"):
        wait(lambda: both(answers)[0].told.keys() == RATE_LIMIT)
        with told_by(answers, gateway, "Draft03"):
            wait(lambda: both(answers)[0].told.keys() == DRAFT03)
            limit(answers, "response: {headers: Both}")
            admitted, limited = both(answers)
            assert admitted.told.keys() == DRAFT03 | RATE_LIMIT
            assert limited.told.keys() == DRAFT03 | RATE_LIMIT | AGAIN
            assert members(limited.told["ratelimit-policy"]) == {"one": {"q": 1, "w": 3600}}
            left = members(limited.told["ratelimit"])["one"]
            assert (left["r"], left["t"] <= int(limited.told["retry-after"])) == (0, True)
            assert limited.told["x-ratelimit-limit"] == '1, 1;w=3600;name="one"'
            limit(answers, "response: {headers: None, retryAfter: false}")
            assert [one.told for one in both(answers)] == [{}, {}]
            limit(answers)
        wait(lambda: both(answers)[0].told.keys() == RATE_LIMIT)
    wait(lambda: both(answers)[0].told == {})


@contextmanager
def told_by(walk: Walk, what: tuple[str, ...], headers: str) -> Iterator[None]:
    """An object says for all policies how clients are told."""
    said = f"kuadrant.io/extensions={json.dumps({'response': {'headers': headers}})}"
    walk.lab.run("kubectl", "annotate", "--overwrite", *what, said)
    try:
        yield
    finally:
        walk.lab.run("kubectl", "annotate", *what, "kuadrant.io/extensions-")


@IN_EVERY_WAY
def test_what_the_backend_tells_and_what_the_gateway_tells_are_one(answers: Walk) -> None:
    limit(answers, "response: {headers: Both}")
    admitted = both(answers, path="/told")[0]
    assert admitted.told["x-ratelimit-remaining"] == "0", "ours leaves less"
    assert members(admitted.told["ratelimit"]).keys() == {"theirs", "one"}
    assert members(admitted.told["ratelimit-policy"])["theirs"] == {"q": 9, "w": 10}
    shown = dict(admitted.headers)["access-control-expose-headers"].replace(" ", "").split(",")
    assert {*shown} >= DRAFT03 | RATE_LIMIT

    limit(answers, "response: {headers: None}")
    assert both(answers, path="/told")[0].told["x-ratelimit-remaining"] == "8"


@IN_EVERY_WAY
def test_a_policy_has_an_answer_of_its_own(answers: Walk) -> None:
    limit(answers, OWN)
    limited = both(answers)[1]
    assert (limited.status, limited.body) == (503, '{"code": "RATE_LIMIT_EXCEEDED"}')
    assert dict(limited.headers)["content-type"] == "application/json"
    assert dict(limited.headers)["x-own"] == "a, b"
    assert limited.told.keys() == AGAIN
    head = both(answers, "--head")[1]
    assert (head.status, head.body) == (503, "")

    limit(answers, "response: {overLimit: {body: {problem: true}}}")
    limited = both(answers)[1]
    problem = json.loads(limited.body)
    assert dict(limited.headers)["content-type"] == "application/problem+json"
    assert (limited.status, problem["status"], problem["violated-policies"]) == (429, 429, ["one"])


def asked(walk: Walk) -> int:
    """How often the gateway asked for limits of the policy."""
    counted = {"authorized_calls", "limited_calls"}
    mine = {"limitador_namespace": "default/answers"}
    return sum(
        int(one.value)
        for one in samples(walk.lab)
        if one.name.removesuffix("_total") in counted and one.labels.items() >= mine.items()
    )


@IN_EVERY_WAY
def test_a_client_of_grpc_is_told_in_its_own_words_and_does_not_call_again(answers: Walk) -> None:
    """By a real client that would call again where a server is unavailable."""
    limit(answers)
    case = uuid.uuid4().hex
    assert ask(answers, case).status == 200
    target = answers.url.removeprefix("http://").removesuffix("/toys")
    words = (sys.executable, "-m", "tests.lab.grpc_call", target, HOST, case)
    before = asked(answers)
    seen = json.loads(answers.lab.run(*words))
    assert (seen["code"], seen["details"]) == (8, "Too Many Requests")
    again = seen["metadata"]["retry-after"]
    assert seen["metadata"]["grpc-retry-pushback-ms"] == f"{again}000"
    assert asked(answers) == before + 1


@IN_EVERY_WAY
def test_preflights_are_exempt_unless_they_are_to_count(answers: Walk) -> None:
    limit(answers)
    case = uuid.uuid4().hex
    assert ask(answers, case).status == 200
    for of in (case, None):
        preflight = ask(answers, of, *PREFLIGHT)
        assert (preflight.status, preflight.told) == (200, {})
    assert ask(answers, case, "-X", "OPTIONS").status == 429, "this is none"

    limit(answers, "response: {preflights: Count}")
    assert [one.status for one in both(answers, *PREFLIGHT)] == [200, 429]
