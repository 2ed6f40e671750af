"""Limits that the gateway counts itself: as our rate limit service would, in what all workers share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kuadrant.api.limit_mode import counter_text, is_enforced
from kuadrant.api.limitador import Limit
from kuadrant.policy.identifiers import descriptor_entry, limit_condition
from kuadrant.ratelimit import RateLimitService

from .examples import (
    OK,
    OVER_LIMIT,
    action,
    configuration,
    configure,
    entry,
    limit,
    paused,
    request,
    rule,
    service,
)
from .proxy_wasm_host import Host, SharedData

if TYPE_CHECKING:
    from .examples import Json
    from .proxy_wasm_host import Program, Stream

SECOND = 1_000_000_000
KEY = "limit.a__0123abcd"
USER = {"key": "request.headers.x-user", "selector": "request.headers.x-user"}
HERE = {"here": {"here": True, "failureMode": "deny"}, "limiter": service()}


def here(
    most: int,
    seconds: int = 60,
    *entries: Json,
    key: str = KEY,
    name: str = "a",
    percent: int = 100,
    **more: Any,
) -> Json:
    own = {"name": name, "percent": percent, "rates": [{"limit": most, "seconds": seconds}]}
    return {**limit(entry(key), *entries), "here": own, **more}


def counting(*limits: Json, beside: tuple[Json, ...] = (), **more: Any) -> Json:
    """A rule whose limits the gateway counts, and actions that a service is asked for."""
    return configuration(rule(action(*limits, service="here"), *beside, **more), services=HERE)


def admitted(host: Host, times: int, **headers: str) -> int:
    """How many of so many requests go on."""
    states = [host.request(request(**headers)) for _ in range(times)]
    return sum(not one.local_responses for one in states)


def test_so_many_are_admitted_and_nobody_is_asked(host: Host) -> None:
    configure(host, counting(here(3)))
    assert admitted(host, 5) == 3
    assert host.calls == []
    refused = host.request(request()).response
    assert (refused.status, dict(refused.headers)) == (429, {b"retry-after": b"60"})
    assert refused.details == "kuadrant_limited{limit.a__0123abcd,scope}"


def test_all_workers_count_in_one_counter(program: Program) -> None:
    shared = SharedData()
    workers = [Host(program, shared=shared) for _ in range(3)]
    for worker in workers:
        configure(worker, counting(here(4)))
    assert [admitted(worker, 2) for worker in workers] == [2, 2, 0]


@pytest.mark.parametrize("counters", [(), (USER,)])
def test_a_hit_of_another_worker_in_between_is_counted_too(
    program: Program, counters: tuple[Json, ...]
) -> None:
    """Also where both find no counter yet."""
    shared = SharedData()
    first, second = Host(program, shared=shared), Host(program, shared=shared)
    for worker in (first, second):
        configure(worker, counting(here(3, 60, *counters)))

    def overtake() -> None:
        first.before_write = lambda: None
        assert admitted(second, 1, x_user="u") == 1

    first.before_write = overtake
    assert admitted(first, 1, x_user="u") == 1
    assert [admitted(worker, 3, x_user="u") for worker in (first, second)] == [1, 0]


def test_a_configuration_that_is_edited_goes_on_counting(host: Host) -> None:
    configure(host, counting(here(3)))
    assert admitted(host, 2) == 2
    configure(host, counting(here(4)))
    assert admitted(host, 5) == 2
    # Another window is another limit.
    configure(host, counting(here(4, 61)))
    assert admitted(host, 5) == 4


def test_windows_begin_with_the_first_hit_and_end(host: Host) -> None:
    configure(host, counting(here(2, 10)))
    assert admitted(host, 1) == 1
    host.clock += 9 * SECOND
    assert admitted(host, 2) == 1
    host.clock += SECOND - 1
    assert admitted(host, 1) == 0
    host.clock += 1
    assert admitted(host, 3) == 2


@pytest.mark.parametrize("beside", [(), (here(9, 10, key="limit.b__0123abcd"),)])
def test_a_clock_that_goes_back_keeps_nobody_out_for_longer_than_a_window(
    host: Host, beside: tuple[Json, ...]
) -> None:
    configure(host, counting(here(1, 10), *beside))
    assert admitted(host, 2) == 1
    host.clock -= 3600 * SECOND
    assert admitted(host, 1) == 0
    host.clock += 10 * SECOND
    assert admitted(host, 2) == 1


def test_each_value_has_its_own_counter(host: Host) -> None:
    configure(host, counting(here(1, 60, USER)))
    assert [admitted(host, 2, x_user=one) for one in ("a", "b", "aa")] == [1, 1, 1]
    # Without a value the limit does not apply.
    assert admitted(host, 3) == 3


def test_the_keys_are_of_a_fixed_number_whatever_clients_send(host: Host) -> None:
    configure(host, counting(here(1, 60, USER), here(1, 60, USER, key="limit.b__0123abcd")))
    assert sum(admitted(host, 1, x_user=str(number)) for number in range(3000)) <= 3000
    size = {len(key) for key in host.shared.values if not key.endswith(b"seed")}
    assert size == {len(b"kuadrant.counters.1.v") + 2}
    assert len(host.shared.values) <= 4097


def test_all_are_looked_at_before_one_is_counted(host: Host) -> None:
    configure(host, counting(here(9), here(1, key="limit.b__0123abcd", name="b")))
    assert admitted(host, 5) == 1
    configure(host, counting(here(9)))
    assert admitted(host, 20) == 8


@pytest.mark.parametrize("end", ["refused", "failed", "gone"])
def test_what_was_counted_for_a_request_that_does_not_go_on_is_taken_back(host: Host, end: str) -> None:
    document = counting(here(1), beside=(action(scope="other"),))
    configure(host, document)
    stream, call = paused(host)
    assert admitted(host, 1) == 0
    if end == "refused":
        host.answer(call, OVER_LIMIT)
        # It may be asked when there is room.
        while len(stream.local_responses) == 0:
            host.answer(host.calls[-1], OK)
    elif end == "failed":
        host.fail(call, 13)
    else:
        host.end(stream)
    _, call = paused(host)
    host.answer(call, OK)
    assert admitted(host, 1) == 0


def test_what_is_taken_back_is_nothing_of_the_next_window(host: Host) -> None:
    configure(host, counting(here(1, 10), beside=(action(scope="other"),)))
    stream, _ = paused(host)
    host.clock += 10 * SECOND
    _, call = paused(host)
    host.end(stream)
    host.answer(call, OK)
    assert admitted(host, 1) == 0


def test_who_is_refused_here_costs_the_service_nothing(host: Host) -> None:
    configure(host, counting(here(0), beside=(action(scope="other"),)))
    assert host.request(request()).response.status == 429
    assert host.calls == []


def test_shadows_count_and_refuse_nobody(host: Host) -> None:
    configure(host, counting(here(2, shadow=True)))
    assert admitted(host, 5) == 5
    assert (
        host.metrics[
            "kuadrant.kuadrant_limit.=.limit.a__0123abcd;.kuadrant_scope.=.scope;.shadow_limited_by_limit"
        ]
        == 3
    )
    # It counted what it would have admitted.
    configure(host, counting(here(4)))
    assert admitted(host, 5) == 2


def test_soft_limits_mark_and_count_all(host: Host) -> None:
    configure(host, counting(here(2, signal=[{"name": "x-over", "value": "a"}])))
    streams = [host.request(request()) for _ in range(4)]
    assert [(b"x-over", b"a") in one.headers for one in streams] == [False, False, True, True]
    configure(host, counting(here(6)))
    assert admitted(host, 5) == 2


VALUES = [
    "a",
    "bob",
    'say "hi"',
    "back\\slash",
    "Zażółć",
    "x" * 64,
    "x" * 65,
    "é" * 64,
    "é" * 65,
    "tab\there",
    "\x01",
    "\x7f",
]


@pytest.mark.parametrize("percent", [1, 50, 99])
@pytest.mark.parametrize("value", VALUES)
def test_a_percentage_holds_for_the_values_that_our_service_takes(
    host: Host, value: str, percent: int
) -> None:
    configure(host, counting(here(0, 60, USER, percent=percent)))
    stream = host.request(request(x_user=value), {})
    expected = is_enforced(percent, (limit_condition(KEY),), counter_text([value]))
    assert bool(stream.local_responses) == expected


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (counting(limit(entry(KEY))), "is for limits of the service that is this gateway"),
        (configuration(rule(action(here(1)))), "is for limits of the service that is this gateway"),
        (counting(here(1, 0)), "must be from 1 to"),
        (counting({**here(1), "here": {"rates": []}}), "needs at least one"),
        (counting(here(1, percent=101)), "must be from 0 to 100"),
        (
            configuration(services={"limiter": {"here": True, "cluster": "x", "failureMode": "deny"}}),
            "is this gateway, which needs no cluster",
        ),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(host: Host, wrong: Json, words: str) -> None:
    assert not host.configure(json.dumps(wrong).encode())
    assert words in host.errors[-1]


# ---------------------------------------------------------------------- beside the service

_LIMITS = st.lists(
    st.fixed_dictionaries(
        {
            "most": st.sampled_from([0, 1, 2, 3, 5]),
            "seconds": st.sampled_from([1, 2, 10]),
            "user": st.booleans(),
            "cost": st.sampled_from([None, None, "x-cost"]),
            "kind": st.sampled_from(["Enforce", "Enforce", "Shadow", "Soft"]),
            "name": st.sampled_from(["a", 'say "hi"', "b\\c"]),
        }
    ),
    min_size=1,
    max_size=3,
)
_SEQUENCE = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 1, 400, 1000]),
        st.sampled_from(["u", "v"]),
        st.sampled_from(["0", "1", "3"]),
    ),
    min_size=5,
    max_size=25,
)
_RESPONSES = st.sampled_from(
    [{"headers": form} for form in ("None", "Draft03", "RateLimit", "Both")]
    + [
        {"headers": "Both", "overLimit": {"problem": True}},
        {"overLimit": {"problem": True}},
        {"retryAfter": False, "headers": "Both"},
    ]
)


def _limit(number: int, one: dict[str, Any], *, counted: bool) -> Json:
    key = f"limit.{number}__0123abcd"
    made: Json = limit(entry(key), *([USER] if one["user"] else []))
    if one["cost"]:
        made["cost"] = {"expression": "request.headers['x-cost']"}
    if one["kind"] == "Shadow":
        made["shadow"] = True
    if one["kind"] == "Soft":
        made["signal"] = [{"name": "x-over", "value": str(number)}]
    if counted:
        made["here"] = {"name": one["name"], "rates": [{"limit": one["most"], "seconds": one["seconds"]}]}
    return made


def _held(number: int, one: dict[str, Any]) -> Limit:
    more: dict[str, Any] = {"by_cost": True} if one["cost"] else {}
    if one["kind"] != "Enforce":
        more["mode"] = one["kind"]
    return Limit(
        namespace="scope",
        max_value=one["most"],
        seconds=one["seconds"],
        conditions=(limit_condition(f"limit.{number}__0123abcd"),),
        variables=(descriptor_entry(USER["key"]),) if one["user"] else (),
        name=one["name"],
        **more,
    )


def _told(host: Host, stream: Stream) -> tuple[Any, ...]:
    marks = sorted(one for one in stream.headers if one[0] == b"x-over")
    if stream.local_responses:
        answer = stream.response
        return answer.status, answer.body, sorted(answer.headers), answer.details, marks
    return stream.state, sorted(host.respond(stream)), marks


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(limits=_LIMITS, sequence=_SEQUENCE, response=_RESPONSES)
def test_a_client_is_told_what_our_service_would_tell(
    program: Program, limits: Any, sequence: Any, response: Json
) -> None:
    own, asking = Host(program), Host(program)
    # Those of one name are told apart by their order, which is that of the service: by name.
    limits = sorted(limits, key=lambda one: one["name"])
    configure(own, counting(*(_limit(*one, counted=True) for one in enumerate(limits)), response=response))
    in_service = action(*(_limit(*one, counted=False) for one in enumerate(limits)))
    configure(
        asking,
        configuration(
            rule(in_service, response=response), services={"limiter": service(rememberDenials=False)}
        ),
    )
    limiter = RateLimitService(
        [_held(*one) for one in enumerate(limits)], clock=lambda: asking.clock / SECOND, headers=False
    )
    for milliseconds, user, cost in sequence:
        for host in (own, asking):
            host.clock += milliseconds * 1_000_000
        asked = len(asking.calls)
        streams = [host.request(request(x_user=user, x_cost=cost)) for host in (own, asking)]
        for call in asking.calls[asked:]:
            asking.answer(call, limiter.decide(call.message))
        if streams[1].continued:
            streams[1].state = "continued"
        assert _told(own, streams[0]) == _told(asking, streams[1])
