"""Whoever asks for a limit of a policy that is not held gets an error, never an OK.

It is told, within bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.api.limit_keys import SHADOW_KEY, is_limit_key, keys_in
from kuadrant.policy.identifiers import limit_condition, limit_identifier
from kuadrant.ratelimit import RateLimitService, make_server
from kuadrant.ratelimit.limit_index import MOST_WORK, WorkError
from kuadrant.ratelimit.question import InvalidRequestError
from kuadrant.ratelimit.service import SERVICE
from kuadrant.ratelimit.unknown_limits import MOST, REMEMBERED_SECONDS, UnknownLimitError

from .asking import KEY, REQUEST, Clock, asking, code, limit

if TYPE_CHECKING:
    from kuadrant.ratelimit.server import Core

OTHER = "limit.other__89abcdef"


@given(st.text(max_size=20), st.text(max_size=20))
def test_every_key_of_ours_is_known_as_one(policy: str, name: str) -> None:
    key = limit_identifier(policy.encode(errors="replace").decode(), name.encode(errors="replace").decode())

    assert is_limit_key(key)
    assert keys_in((limit_condition(key),)) == {key}


@pytest.mark.parametrize("key", ["limit.__6d5e49dc", "tokenlimit.a__6d5e49dc", "limit.a__b__6d5e49dc"])
def test_keys_of_limits(key: str) -> None:
    assert is_limit_key(key)


@pytest.mark.parametrize(
    "key",
    ["limit.a", "limit.a__1", "limit.a__6D5E49DC", "limit.a__6d5e49dcx", "a.limit.a__6d5e49dc", "alimit", ""],
)
def test_keys_of_others(key: str) -> None:
    assert not is_limit_key(key)


@pytest.mark.parametrize(
    "request_",
    [
        asking(OTHER),
        asking(KEY, OTHER),
        asking(OTHER, KEY, user="bob"),
        asking(KEY, domain="team/other"),
        asking("tokenlimit.a__0123abcd"),
    ],
    ids=["alone", "beside", "before", "another domain", "tokens"],
)
def test_a_limit_that_is_not_held_is_an_error_and_nothing_is_counted(request_: bytes) -> None:
    service = RateLimitService([limit(1)])

    for _ in range(3):
        with pytest.raises(UnknownLimitError):
            service.decide(request_)
    assert [code(service, asking(KEY)) for _ in range(2)] == ["OK", "OVER_LIMIT"]


@pytest.mark.parametrize(
    "request_",
    [
        asking(domain="x/y"),
        asking(a="1", domain="x/y"),
        REQUEST(
            domain="team/route", descriptors=[{"entries": [{"key": OTHER, "value": "2"}]}]
        ).SerializeToString(),
        asking("limit.other", "a"),
    ],
)
def test_questions_without_a_key_of_ours_are_ok_as_in_limitador(request_: bytes) -> None:
    assert code(RateLimitService([limit(0)]), request_) == "OK"


@pytest.mark.parametrize(
    "condition",
    [
        f'{KEY} == "1"',
        f"descriptors[0]['{KEY}'] == '1'",
        f'descriptors[0]["{KEY}"] == "1" && descriptors[0]["user"] == "bob"',
        f'descriptors.exists(d, d["{KEY}"] == "1")',
    ],
)
def test_a_limit_is_held_in_whatever_form_its_condition_is_written(condition: str) -> None:
    assert code(RateLimitService([limit(1, conditions=(condition,))]), asking(KEY, user="bob")) == "OK"


def test_a_limit_of_which_a_part_was_left_out_is_an_error_too() -> None:
    service = RateLimitService()
    broken = limit(1, seconds=3600, variables=("descriptors",))

    (out,) = service.take([limit(5), limit(5, OTHER), broken])

    assert out.keys == {KEY}
    with pytest.raises(UnknownLimitError):
        service.decide(asking(KEY))
    assert code(service, asking(OTHER)) == "OK"
    service.take([limit(5), limit(5, OTHER)])
    assert code(service, asking(KEY)) == "OK"


def test_a_limit_that_has_other_counters_now_is_no_limit_that_is_held() -> None:
    """A gateway that was not told yet asks without the values.

    No limit would apply, and nothing would be counted.
    """
    by_user = limit(1, variables=('descriptors[0]["user"]',))
    service = RateLimitService(
        [by_user, limit(1, seconds=9, variables=('descriptors[0]["user"]',)), limit(5, OTHER)]
    )
    for asked in (asking(KEY), asking(OTHER, KEY)):
        with pytest.raises(UnknownLimitError):
            service.decide(asked)
    assert [str(one) for one in service.unknown_limits()] == [f"{KEY} of team/route"]
    assert [code(service, asking(KEY, user="bob")) for _ in range(2)] == ["OK", "OVER_LIMIT"]

    # As long as the former limit is held as well, it is what counts.
    service.replace([by_user, limit(2)])
    assert [code(service, asking(KEY)) for _ in range(3)] == ["OK", "OK", "OVER_LIMIT"]


def test_what_is_asked_for_is_told_for_a_minute_or_until_it_is_held(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    service = RateLimitService([limit(1)], clock=clock)
    for _ in range(100):
        for key in (OTHER, "limit.third__00000000"):
            with pytest.raises(UnknownLimitError):
                service.decide(asking(key))

    assert [str(one) for one in service.unknown_limits()] == [
        f"{OTHER} of team/route",
        "limit.third__00000000 of team/route",
    ]
    assert len(caplog.records) == 2
    assert f"{OTHER} of team/route" in caplog.text
    assert (
        'kuadrant_ratelimit_unknown_limit_calls_total{limitador_namespace="team/route"} 200.0'
        in service.metrics().decode()
    )
    service.replace([limit(1), limit(1, OTHER)])
    assert [one.key for one in service.unknown_limits()] == ["limit.third__00000000"]
    clock.now = REMEMBERED_SECONDS
    assert service.unknown_limits() == ()


def test_a_stranger_who_makes_up_names_fills_neither_memory_nor_log_nor_metrics(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = RateLimitService([limit(1)], clock=Clock())
    for number in range(3000):
        with pytest.raises(UnknownLimitError):
            service.decide(asking(f"limit.{'x' * number}__0123abcd", domain=f"{number}/{'y' * number}"))

    assert len(service.unknown_limits()) == MOST
    assert max(len(str(one)) for one in service.unknown_limits()) < 700
    assert len(caplog.records) == 10
    assert "\n" not in service.unknown_limits()[0].key
    assert service.metrics().count(b"unknown_limit_calls_total{") == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hits_addend": 998}, "count each request once"),
        ({"descriptors": [{"entries": [{"key": KEY, "value": "1"}]}] * 2}, "in one descriptor"),
        ({"descriptors": [{"entries": [{"key": KEY, "value": "1"}], "hits_addend": {"value": 0}}]}, "once"),
        ({"descriptors": [{"entries": [{"key": KEY, "value": "1"}], "hits_addend": {"value": 7}}]}, "once"),
    ],
    ids=["hits", "descriptors", "no hits", "hits of the descriptor"],
)
def test_what_no_gateway_is_told_to_ask_is_refused_and_counts_nothing(
    change: dict[str, Any], reason: str
) -> None:
    service = RateLimitService([limit(1000)], headers=True)
    asked = {"domain": "team/route", "descriptors": [{"entries": [{"key": KEY, "value": "1"}]}]} | change

    for _ in range(3):
        with pytest.raises(InvalidRequestError, match=reason):
            service.decide(REQUEST(**asked).SerializeToString())
    assert service._counters.check_and_add(service._question(asking(KEY), 0.0).asks, 0.0) is None
    assert service._metrics.namespaces["team/route"].authorized == 0


@pytest.mark.parametrize("hits", [0, 1])
def test_one_hit_is_what_gateways_ask_for(hits: int) -> None:
    service = RateLimitService([limit(1)])
    assert [code(service, asking(KEY, hits=hits)) for _ in range(2)] == ["OK", "OVER_LIMIT"]


def test_tokens_are_hits() -> None:
    key = "tokenlimit.a__0123abcd"
    service = RateLimitService([limit(100, key)])
    assert [code(service, asking(key, hits=hits)) for hits in (60, 41, 40)] == ["OK", "OVER_LIMIT", "OK"]


@pytest.mark.parametrize("core", ["native", "grpcio"])
async def test_over_the_wire_it_is_an_error_for_the_gateway_to_judge(core: Core) -> None:
    service = RateLimitService([limit(1)])
    server = make_server(service, "127.0.0.1", 0, core)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(f"/{SERVICE}/ShouldRateLimit")(asking(OTHER), timeout=10)
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert caught.value.details() == f"no limit of 'team/route' is held, as it is asked for, for {OTHER}"
        assert 'errors_total{code="FAILED_PRECONDITION"} 1.0' in service.metrics().decode()
    finally:
        await server.stop(0)


def shadowed(shadows: str) -> bytes:
    """A question for both limits that names those in shadow."""
    keys = {KEY: "1", OTHER: "1", SHADOW_KEY: shadows}
    entries = [{"key": key, "value": value} for key, value in keys.items()]
    request = REQUEST(domain="team/route", descriptors=[{"entries": entries}])
    return bytes(request.SerializeToString())


def test_one_in_shadow_that_is_not_held_is_left_out_and_told() -> None:
    service = RateLimitService([limit(1)])
    asked = shadowed(OTHER)
    assert [code(service, asked) for _ in range(2)] == ["OK", "OVER_LIMIT"]
    assert [str(one) for one in service.unknown_limits()] == [f"{OTHER} of team/route"]


@pytest.mark.parametrize("shadows", ["", OTHER, f"{KEY}x", "limit.a__01234567"])
def test_one_that_may_refuse_and_is_not_held_is_an_error_all_the_same(shadows: str) -> None:
    service = RateLimitService([limit(1, OTHER)])
    with pytest.raises(UnknownLimitError):
        service.decide(shadowed(shadows))


def test_one_in_shadow_of_which_a_part_was_left_out_is_left_out() -> None:
    service = RateLimitService()
    service.take([limit(1), limit(5, OTHER, variables=("descriptors",), mode="Shadow")])
    asked = shadowed(OTHER)
    assert [code(service, asked) for _ in range(2)] == ["OK", "OVER_LIMIT"]


def test_one_in_shadow_that_has_other_counters_now_is_left_out() -> None:
    service = RateLimitService(
        [limit(1), limit(1, OTHER, variables=('descriptors[0]["user"]',), mode="Shadow")]
    )
    asked = shadowed(OTHER)
    assert [code(service, asked) for _ in range(2)] == ["OK", "OVER_LIMIT"]
    assert [str(one) for one in service.unknown_limits()] == [f"{OTHER} of team/route"]


def test_one_in_shadow_that_costs_too_much_is_left_out() -> None:
    many = [limit(1, OTHER, seconds=seconds, mode="Shadow") for seconds in range(1, MOST_WORK + 2)]
    service = RateLimitService([limit(1), *many])
    with pytest.raises(WorkError):
        service.decide(asking(KEY, OTHER))
    asked = shadowed(OTHER)
    assert [code(service, asked) for _ in range(2)] == ["OK", "OVER_LIMIT"]
