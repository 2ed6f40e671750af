"""The smallest requests that tell two configurations apart."""

from __future__ import annotations

import pytest

from .edits import WORLD, changed, policy, requests, shown

TOYS = "http://toys.x/toys"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param(
            "all: {rates: [{limit: 5, window: 10s}]}",
            "all: {rates: [{limit: 6, window: 10s}]}",
            [f"{TOYS} --times 7: 200x5 then 429x2 -> 200x6 then 429"],
            id="another number of requests: until both are limited",
        ),
        pytest.param(
            "all: {rates: [{limit: 1000000, window: 1h}]}",
            "all: {rates: [{limit: 2000000, window: 1h}]}",
            [f"{TOYS} --times 2000001: 200x1000000 then 429x1000001 -> 200x2000000 then 429"],
            id="a million of them",
        ),
        pytest.param(
            "all: {rates: [{limit: 2, window: 10s}]}",
            "all: {rates: [{limit: 2, window: 60s}]}",
            [f"{TOYS} --times 2, 10 s later {TOYS}: 200x3 -> 200x2 then 429"],
            id="another window: the next request when the shorter one is over",
        ),
        pytest.param(
            "all: {rates: [{limit: 2, window: 10s}]}",
            "all: {rates: [{limit: 2, window: 10s}], algorithm: SlidingWindow}",
            [f"{TOYS} --times 2, 10 s later {TOYS}: 200x3 -> 200x2 then 429"],
            id="another algorithm: the request that a sliding window does not forget yet",
        ),
        pytest.param(
            "all: {rates: [{limit: 3, window: 10s}], algorithm: SlidingWindow}",
            "all: {rates: [{limit: 3, window: 11s}]}",
            [f"{TOYS}, 10 s later {TOYS} --times 2, 1 s later {TOYS} --times 2: 200x4 then 429 -> 200x5"],
            id="another algorithm and a window less than a slice longer: requests just before it ends",
        ),
        pytest.param(
            "all: {rates: [{limit: 4, window: 60s}]}",
            "all: {rates: [{limit: 4, window: 60s}], algorithm: TokenBucket}",
            [f"{TOYS} --times 4, 15 s later {TOYS}: 200x4 then 429 -> 200x5"],
            id="another algorithm: the request for which a token has come",
        ),
        pytest.param(
            "all: {rates: [{limit: 1, window: 10s}], when: [{predicate: request.path == '/toys'}]}",
            "all: {rates: [{limit: 1, window: 10s}], when: [{predicate: request.url_path == '/toys'}]}",
            [f"'{TOYS}?a=1' --times 2: 200x2 -> 200 then 429"],
            id="a path without its query: a request that has one",
        ),
        pytest.param(
            "all: {rates: [{limit: 1, window: 10s}], counters: [{expression: source.remote_address}]}",
            "all: {rates: [{limit: 1, window: 10s}], counters: [{expression: source.address}]}",
            [f"--from 10.0.0.7:4711 {TOYS}, then --from 10.0.0.7:4712 {TOYS}: 200 then 429 -> 200x2"],
            id="another counter: a request by another connection of the same client",
        ),
        pytest.param(
            "all: {rates: [{limit: 2, window: 10s}]}",
            "all: {rates: [{limit: 2, window: 10s}], mode: Shadow}",
            [f"{TOYS} --times 3: 200x2 then 429 -> 200x3"],
            id="another mode: the request that is refused no more",
        ),
        pytest.param(
            "all: {rates: [{limit: 1, window: 10s}]}",
            "all: {rates: [{limit: 1, window: 10s}], when: [{predicate: request.method == 'PUT'}]}",
            [f"{TOYS} --times 2: 200 then 429 -> 200x2"],
            id="a condition: a request for which it does not hold",
        ),
        pytest.param(
            "all: {rates: [{limit: 1, window: 10s}], when: [{predicate: request.method == 'POST'}]}",
            "all: {rates: [{limit: 1, window: 10s}], when: [{predicate: request.method == 'GET'}]}",
            [
                f"{TOYS} --times 2: 200x2 -> 200 then 429",
                f"-X POST {TOYS} --times 2: 200 then 429 -> 200x2",
            ],
            id="another condition: a request for each of the two",
        ),
        pytest.param(
            "all: {rates: [{limit: 1, window: 10s}]}",
            "all: {rates: [{limit: 1, window: 10s}], counters: [{expression: request.method}]}",
            [f"{TOYS}, then -X PUT {TOYS}: 200 then 429 -> 200x2"],
            id="a counter: two requests with other values of it",
        ),
        pytest.param(
            "all: {rates: [{limit: 1, window: 10s}]}",
            "all: {rates: [{limit: 1, window: 10s}], "
            """counters: [{expression: "request.headers['x-user']"}]}""",
            [f"{TOYS}: 200 -> 500"],
            id="a counter that requests do not have",
        ),
        pytest.param(
            "all: {rates: [{limit: 1, window: 10s}]}",
            "all: {rates: [{limit: 1, window: 10s}], counters: [{expression: source.remote_address}]}",
            [f"--from 10.0.0.7 {TOYS}, then --from 10.0.0.8 {TOYS}: 200 then 429 -> 200x2"],
            id="a counter that only the client's address tells",
        ),
    ],
)
def test_the_smallest_requests_are_shown(old: str, new: str, told: list[str]) -> None:
    assert shown(old, new) == told


def test_one_cause_is_shown_once_however_many_rules_have_it() -> None:
    old = policy("all: {rates: [{limit: 1, window: 10s}]}", target="Gateway, name: gw")
    new = policy("all: {rates: [{limit: 2, window: 10s}]}", target="Gateway, name: gw")
    more = WORLD.replace("hostnames: [toys.x]", "hostnames: [toys.x, cars.x]")
    found = changed(old, new, before=more)
    assert requests(found) == ["http://cars.x/toys --times 3: 200 then 429x2 -> 200x2 then 429"]
    assert found.requests[0].also == ("toys.x",)
    assert [len(one.places) for one in found.limits] == [4]


def test_a_limit_that_another_always_reaches_first_makes_no_difference_to_requests() -> None:
    strict = "strict: {rates: [{limit: 1, window: 1h}]}\n"
    found = changed(
        policy(strict + "all: {rates: [{limit: 5, window: 10s}]}"),
        policy(strict + "all: {rates: [{limit: 6, window: 10s}]}"),
    )
    assert requests(found) == []
    assert [one.told for one in found.limits] == [False]


def test_what_only_a_gateway_knows_is_no_reason_to_show_a_request() -> None:
    found = changed(
        policy("all: {rates: [{limit: 1, window: 10s}], when: [{predicate: 'connection.id > 5u'}]}"),
        policy("all: {rates: [{limit: 2, window: 10s}], when: [{predicate: 'connection.id > 5u'}]}"),
    )
    assert requests(found) == []
    assert [one.told for one in found.limits] == [False]


def test_a_route_that_serves_another_path_is_shown() -> None:
    after = WORLD.replace("{path: {value: /toys}}", "{path: {value: /cars}}")
    found = changed("", "", after=after)
    assert requests(found) == [
        "http://toys.x/cars: 404 -> 200",
        "http://toys.x/toys: 200 -> 404",
    ]


def test_a_backend_that_can_only_answer_500_is_a_difference_to_its_share() -> None:
    canary = "[{name: toys, port: 80, weight: 9}, {name: canary, namespace: canary, port: 80}]"
    after = WORLD.replace("[{name: toys, port: 80}]", canary)
    found = changed("", "", after=after)
    assert {one.because for one in found.routing} == {
        "a backend answers -> a backend answers, but 500 for 1 of 10 requests"
    }
    assert "http://toys.x/toys: 200 -> 200 with 500 in part" in requests(found)


def test_the_same_said_otherwise_is_no_difference() -> None:
    found = changed(
        policy("all: {rates: [{limit: 1, window: 60s}]}"),
        policy("all:\n  rates:\n  - window: 1m\n    limit: 1"),
    )
    assert not found


def test_each_limit_that_came_has_a_request_of_its_own() -> None:
    new = policy(
        """
        strict: {rates: [{limit: 1, window: 1h}], when: [{predicate: request.method == 'PUT'}]}
        user: {rates: [{limit: 2, window: 1h}], when: [{predicate: "'x-a' in request.headers"}]}
        """
    )
    assert requests(changed("", new)) == [
        "-X PUT http://toys.x/toys --times 2: 200x2 -> 200 then 429",
        "-H 'x-a: x' http://toys.x/toys --times 3: 200x3 -> 200x2 then 429",
    ]


def test_who_requests_are_from_is_a_difference() -> None:
    """Also where the policies are the same."""
    per_user = policy(
        "all: {rates: [{limit: 1, window: 10s}], counters: [{expression: auth.identity.?sub.orValue('')}]}"
    )

    def world(source: str) -> str:
        return WORLD.replace(
            "{name: gw}", f"{{name: gw, annotations: {{kuadrant.io/identity: '{source}'}}}}", 1
        )

    assert changed(per_user, per_user, before=world("jwt")).limits == ()
    (limit,) = changed(per_user, per_user, before=world("jwt"), after=world("jwt:a")).limits
    assert limit.before is not None
    assert limit.after is not None
    assert (limit.before.identity, limit.after.identity) == ("jwt:payload", "jwt:a")
    by_name = per_user.replace("sub", "name")
    found = changed(per_user, by_name, before=world("jwt"))
    assert found.requests


def test_a_match_is_met_by_a_method_that_no_other_rule_takes() -> None:
    before = WORLD.replace("[{path: {value: /toys}}]", "[{method: GET, path: {value: /toys}}]")
    more = "{headers: [{name: x-read, value: '1'}], path: {value: /toys}}"
    after = before.replace("[{method: GET, path", f"[{more}, {{method: GET, path")
    own = policy("all: {rates: [{limit: 2, window: 10s}]}")

    assert requests(changed(own, own, before=before, after=after)) == [
        f"-X PUT -H 'x-read: 1' {TOYS}: 404 -> 200",
    ]
