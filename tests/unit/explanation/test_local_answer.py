"""The headers of an answer of the filter, with those that the route adds to it."""

from __future__ import annotations

import pytest

from .asking import WORLD, asked, policy

CHANGED = WORLD.replace(
    "  - matches: [{path: {value: /toys}}]\n",
    "  - matches: [{path: {value: /toys}}]\n"
    "    filters:\n"
    "    - type: ResponseHeaderModifier\n"
    "      responseHeaderModifier:\n"
    "        set: [{name: X-Rule, value: lim}, {name: content-type, value: text/html}]\n"
    '        add: [{name: retry-after, value: "1"}]\n'
    "        remove: [retry-after]\n",
)
LIMIT = "a: {rates: [{limit: 1, window: 10s}]}"
FAILING = """\
a: {rates: [{limit: 1, window: 10s}], when: [{predicate: "request.headers['x-no'] == 'a'"}]}
"""
OF_ROUTE = (("content-type", "text/html"), ("x-rule", "lim"), ("retry-after", "1"))


@pytest.mark.parametrize(
    ("limits", "status", "own"), [(LIMIT, 429, (("retry-after", "10"),)), (FAILING, 500, ())]
)
def test_a_route_that_forwards_adds_its_headers_before_those_of_the_filter(
    limits: str, status: int, own: tuple[tuple[str, str], ...]
) -> None:
    record = asked(policy(limits), world=CHANGED, times=2)
    assert record.client is not None
    assert (record.client.status, record.client.headers) == (status, (*OF_ROUTE, *own))


def test_an_answer_to_grpc_keeps_its_content_type() -> None:
    record = asked(policy(LIMIT), world=CHANGED, times=2, headers=(("content-type", "application/grpc"),))
    assert record.client is not None
    assert dict(record.client.headers).keys() == {"x-rule", "retry-after", "grpc-retry-pushback-ms"}


def test_a_route_without_a_backend_adds_nothing_to_an_answer_of_the_filter() -> None:
    world = CHANGED.replace("    backendRefs: [{name: toys, port: 80}]\n", "")
    record = asked(policy(LIMIT), world=world, times=2)
    assert record.client is not None
    assert record.client.headers == (("retry-after", "10"),)


CORS = WORLD.replace(
    "  - matches: [{path: {value: /toys}}]\n",
    "  - matches: [{path: {value: /toys}}]\n"
    "    filters: [{type: CORS, cors: {allowOrigins: ['https://a.example'], allowMethods: [GET]}}]\n",
)
PREFLIGHT = (("origin", "https://a.example"), ("access-control-request-method", "GET"))


@pytest.mark.parametrize(
    ("world", "headers", "status"),
    [(CORS, PREFLIGHT, 200), (CORS, PREFLIGHT[:1], None), (WORLD, PREFLIGHT, None)],
    ids=["preflight", "no preflight", "no filter"],
)
def test_a_filter_answers_preflights_and_a_backend_all_else(
    world: str, headers: tuple[tuple[str, str], ...], status: int | None
) -> None:
    record = asked(policy(LIMIT), world=world, method="OPTIONS", headers=headers)
    assert record.client is not None
    assert record.client.status == status
    assert (record.client.because == "the rule's filter CORS answers preflights") == (status == 200)


def test_preflights_that_count_are_refused_by_limits_first() -> None:
    counted = policy(LIMIT).replace("  limits:", "  response: {preflights: Count}\n  limits:")
    record = asked(counted, world=CORS, method="OPTIONS", headers=PREFLIGHT, times=2)
    assert record.client is not None
    assert record.client.status == 429
