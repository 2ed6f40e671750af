"""What clients are told of limits is a difference, too: headers, answer, preflights, when to come again."""

from __future__ import annotations

import pytest

from kuadrant.difference import text

from .edits import WORLD, changed, policy, requests

TOYS = "http://toys.x/toys"
LIMIT = "all: {rates: [{limit: 1, window: 10s}]}"
PREFLIGHT = "-X OPTIONS -H 'origin: https://shop.example' -H 'access-control-request-method: GET'"


def told(response: str, limit: str = LIMIT) -> str:
    """A policy that says this of what clients are told."""
    return policy(limit, spec=f"response: {response}\n")


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        pytest.param(
            "{}",
            "{headers: RateLimit}",
            f"{TOYS}: 200 -> 200 with RateLimit",
            id="headers: each answer has them",
        ),
        pytest.param(
            "{headers: Both}",
            "{headers: Draft03}",
            f"{TOYS}: 200 with RateLimit -> 200",
            id="less headers: those that are gone",
        ),
        pytest.param(
            "{}",
            "{retryAfter: false}",
            f"{TOYS} --times 2: 200 then 429 with retry-after -> 200 then 429",
            id="not when to come again",
        ),
        pytest.param(
            "{}",
            "{preflights: Count}",
            f"{PREFLIGHT} {TOYS} --times 2: 200x2 -> 200 then 429",
            id="preflights: one that is over the limit",
        ),
        pytest.param(
            "{}",
            "{overLimit: {code: 503}}",
            f"{TOYS} --times 2: 200 then 429 -> 200 then 503",
            id="another status",
        ),
        pytest.param(
            "{}",
            "{overLimit: {message: {value: Slow down}}}",
            f"{TOYS} --times 2: 200 then 429 with body 'Too Many Requests' -> "
            "200 then 429 with body 'Slow down'",
            id="another body",
        ),
        pytest.param(
            "{overLimit: {headers: {X-Own: {value: '1'}}}}",
            "{overLimit: {headers: {X-Own: {value: '2'}}}}",
            f"{TOYS} --times 2: 200 then 429 with x-own: 1 -> 200 then 429 with x-own: 2",
            id="another header",
        ),
        pytest.param(
            "{}",
            "{overLimit: {body: {problem: true}}}",
            f"{TOYS} --times 2: 200 then 429 with body 'Too Many Requests' -> "
            "200 then 429 with content-type: application/problem+json",
            id="a problem",
        ),
    ],
)
def test_the_smallest_request_shows_it(old: str, new: str, shown: str) -> None:
    found = changed(told(old), told(new))
    assert requests(found) == [shown]
    assert found.limits == ()
    assert [one.told for one in found.responses] == [True] * len(found.responses)


def test_the_change_is_told_with_its_place_and_its_rules() -> None:
    found = changed(told("{}"), told("{overLimit: {code: 503}}"))
    assert text(found).splitlines()[:5] == [
        "changed: status of what is over a limit, by RateLimitPolicy default/p: 429 ->",
        "    503",
        f"  {found.responses[0].origin}",
        "  for rule-1 of HTTPRoute default/toys (POST, path begins with /toys), rule-2 of",
        "      HTTPRoute default/toys (path begins with /toys) at toys.x",
    ]


@pytest.mark.parametrize(
    "response",
    [
        "{retryAfter: true}",
        "{preflights: Exempt}",
        "{overLimit: {}}",
        "{overLimit: {code: 429, message: {value: Too Many Requests}}}",
    ],
)
def test_what_is_so_anyway_is_no_difference(response: str) -> None:
    assert not changed(policy(LIMIT), told(response))


def test_a_header_in_other_letters_is_no_difference() -> None:
    assert not changed(
        told("{overLimit: {headers: {X-Own: {value: a}}}}"),
        told("{overLimit: {headers: {x-own: {value: a}}}}"),
    )


def test_what_a_gateway_says_for_all_is_told_of_it() -> None:
    said = WORLD.replace(
        "{name: gw}",
        "{name: gw, annotations: {kuadrant.io/extensions: '{response: {retryAfter: false}}'}}",
        1,
    )
    found = changed(policy(LIMIT), policy(LIMIT), after=said)
    (one,) = found.responses
    assert (one.by, one.before, one.after) == ("Gateway default/gw", "told", "not told")


def enforced_for(percent: int) -> str:
    """A policy with one request for each user, enforced for this part of them."""
    return policy(
        "all: {rates: [{limit: 1, window: 10s}], enforcePercent: "
        f"""{percent}, counters: [{{expression: "request.headers['x-user']"}}]}}"""
    )


@pytest.mark.parametrize("percents", [(50, 100), (1, 2), (99, 100)])
def test_a_limit_that_is_enforced_for_more_shows_one_of_them(percents: tuple[int, int]) -> None:
    old, new = map(enforced_for, percents)
    (shown,) = requests(changed(old, new))
    assert shown.startswith("-H 'x-user: ")
    assert shown.endswith(f" {TOYS} --times 2: 200x2 -> 200 then 429")


def test_the_first_that_a_limit_is_enforced_for_show_also_whom_it_fails_for() -> None:
    """Enforced for nobody, it is in shadow: nobody is refused for what it cannot be evaluated for."""
    fails, limited = requests(changed(enforced_for(0), enforced_for(1)))
    assert fails == f"{TOYS}: 200 -> 500"
    assert limited.startswith("-H 'x-user: ")
    assert limited.endswith(f" {TOYS} --times 2: 200x2 -> 200 then 429")
