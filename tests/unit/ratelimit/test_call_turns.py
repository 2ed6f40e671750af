"""One tenant's expensive calls do not keep another's waiting, and no call costs more than one may."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]
import pytest
from msgspec.structs import replace

from kuadrant.api.limitador import Limit
from kuadrant.policy.identifiers import descriptor_entry, limit_condition
from kuadrant.ratelimit import RateLimitService
from kuadrant.ratelimit.call_turns import MOST_WAITING, BusyError, Turns
from kuadrant.ratelimit.limit_index import WorkError
from kuadrant.ratelimit.question import MOST_ENTRIES, InvalidRequestError, domain_of
from tests.effort import calls

from .asking import KEY, REQUEST, RESPONSE, asking, code, limit

if TYPE_CHECKING:
    from kuadrant.api.limit_expressions import Descriptors, Variable

KEYS = [f"limit.l{number}__0123abcd" for number in range(13)]
HEADERS = [f'request.headers["x{number}"]' for number in range(24)]


def large_policy(rates: int = 28, namespace: str = "hostile/route") -> list[Limit]:
    """The largest that 28 KB of YAML can ask for: 13 limits of 28 rates with 24 counters each."""
    return [
        Limit(
            namespace=namespace,
            max_value=1_000_000,
            seconds=rate + 10,
            conditions=(limit_condition(key),),
            variables=tuple(map(descriptor_entry, HEADERS)),
        )
        for key in KEYS
        for rate in range(rates)
    ]


def large_request(user: int, namespace: str = "hostile/route") -> bytes:
    entries = [{"key": key, "value": "1"} for key in KEYS]
    entries += [{"key": header, "value": f"v{user}"} for header in HEADERS]
    return bytes(REQUEST(domain=namespace, descriptors=[{"entries": entries}]).SerializeToString())


def test_each_variable_and_each_list_of_values_is_looked_at_once_for_all_rates_and_limits() -> None:
    service = RateLimitService(large_policy())
    namespace = service._namespaces["hostile/route"].limits
    looked_at: list[int] = []

    def recorded(variable: Variable) -> Variable:
        def value(descriptors: Descriptors) -> str | None:
            looked_at.append(id(variable))
            return variable.value(descriptors)

        return replace(variable, value=value)

    assert len({tuple(map(id, group.variables)) for group in namespace._groups}) == 1
    variables = tuple(map(recorded, namespace._groups[0].variables))
    namespace._groups = [group._replace(variables=variables) for group in namespace._groups]
    asks = service._question(large_request(1), 0.0).asks

    assert len(asks) == 13 * 28
    assert len(looked_at) == len(set(looked_at)) == 24
    assert len({id(ask.values) for ask in asks}) == 1


def test_a_call_of_a_large_policy_costs_some_steps_for_each_of_its_limits() -> None:
    """It took 0.17 s when each of its 364 limits looked at each of the 24 counters."""
    service = RateLimitService(large_policy())
    request = large_request(1)
    assert calls(lambda: code(service, request)) < 364 * 15


@pytest.mark.slow
def test_a_request_that_meets_too_much_is_an_error_by_itself_and_counts_nothing() -> None:
    service = RateLimitService([*large_policy(2000), limit(1)])
    for _ in range(3):
        with pytest.raises(WorkError, match="fewer of them"):
            service.decide(large_request(1))
    assert service._counters.held == 0
    assert code(service, asking(KEY)) == "OK"


def test_expressions_that_need_the_engine_cost_more() -> None:
    limits = [
        Limit(namespace="n", max_value=9, seconds=9, conditions=(f'size(descriptors[0]["a"]) > {number}',))
        for number in range(1000)
    ]
    with pytest.raises(WorkError):
        RateLimitService(limits).decide(asking(domain="n", a="x" * 200_000))


@pytest.mark.parametrize(
    "request_",
    [
        asking(a="x" * 300_000),
        REQUEST(domain="n", descriptors=[{"entries": [{}] * (MOST_ENTRIES + 1)}]).SerializeToString(),
        REQUEST(domain="n", descriptors=[{}] * (MOST_ENTRIES + 1)).SerializeToString(),
    ],
    ids=["bytes", "entries", "descriptors"],
)
def test_a_request_that_no_gateway_makes_is_refused(request_: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        RateLimitService().decide(request_)


@pytest.mark.parametrize("domain", ["", "a", "team/route", "x" * 127, "x" * 128, "ü" * 3000])
def test_the_domain_is_told_from_the_first_bytes(domain: str) -> None:
    assert domain_of(asking(KEY, domain=domain)) == domain.encode()


@pytest.mark.parametrize(
    "request_", [b"", b"\n", b"\n\x05", b"\n\xff", b"\n\xff\xff\xff\xff", b"\x12\x00\n\x01a"]
)
def test_of_any_other_bytes_no_domain_is_told(request_: bytes) -> None:
    assert domain_of(request_) in (b"", b"a")


def test_cheap_calls_of_one_alone_or_of_equals_never_wait() -> None:
    turns, now = Turns(), 0.0
    for _ in range(10_000):
        now += 0.00002
        turns.spent("a", 0.00002, now)
        assert not turns.must_wait("a")
    for _ in range(10_000):
        for tenant in "ab":
            now += 0.00002
            turns.spent(tenant, 0.00002, now)
    assert not turns.must_wait("a")
    assert not turns.must_wait("b")


def test_expensive_calls_wait_before_anybody_else_has_asked() -> None:
    turns = Turns()
    for _ in range(6):
        turns.spent("hostile", 0.001, 0.0)
    assert turns.must_wait("hostile")
    assert not turns.must_wait("victim")


def test_who_takes_most_of_the_time_waits_while_others_ask_and_no_longer() -> None:
    turns, now = Turns(), 0.0
    for _ in range(3000):
        now += 0.00001
        turns.spent("hostile", 0.00001, now)
    assert not turns.must_wait("hostile")
    turns.spent("victim", 0.00001, now)

    assert turns.must_wait("hostile")
    assert not turns.must_wait("victim")
    assert not turns.must_wait("stranger")
    turns.spent("victim", 0.00001, now + 1.0)
    assert not turns.must_wait("hostile")


async def test_those_who_wait_take_turns_one_in_each_round() -> None:
    turns, order = Turns(), []

    async def call(tenant: str) -> None:
        await turns.wait(tenant)
        order.append(tenant)

    for tenant in "ab":
        turns.spent(tenant, 1.0, 0.0)
    calls = [asyncio.create_task(call(tenant)) for tenant in "aaaabb"]
    await asyncio.sleep(0)
    assert turns.waiting == 6
    calls[1].cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert order == ["a", "b", "a", "b", "a"]
    assert turns.waiting == 0


async def test_a_queue_goes_two_at_a_time_once_its_tenant_takes_no_more_than_others() -> None:
    """It ends although a call comes for each that goes, and never goes as a whole.

    Else others would wait.
    """
    turns = Turns()
    turns.spent("a", 1.0, 0.0)
    calls = [asyncio.create_task(turns.wait("a")) for _ in range(5)]
    await asyncio.sleep(0)
    turns.spent("a", 0.0, 1.0)
    await asyncio.sleep(0)
    assert turns.waiting == 3
    await asyncio.gather(*calls)
    assert turns.waiting == 0
    assert not turns.must_wait("a")


async def test_so_many_calls_of_one_tenant_may_wait() -> None:
    turns = Turns()
    calls = [asyncio.create_task(turns.wait("a")) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await turns.wait("a")
    await asyncio.gather(*calls)


class _Context:
    """A call's context, as far as an error needs one."""

    async def abort(self, status: grpc.StatusCode, _details: str) -> None:
        raise grpc.aio.AbortError(status.name)


@pytest.mark.slow
async def test_a_tenant_with_hundreds_of_expensive_calls_does_not_delay_another() -> None:
    """Measured in calls, not in time: how many of the hostile ones are decided before one of the victim."""
    service = RateLimitService([*large_policy(), limit(1_000_000, namespace="victim/route")])
    order: list[str] = []

    async def call(name: str, request: bytes) -> None:
        with contextlib.suppress(grpc.aio.AbortError):
            answer = await service.ShouldRateLimit(request, _Context())
            assert RESPONSE.FromString(answer).overall_code == RESPONSE.OK
            order.append(name)

    victim = asking(KEY, domain="victim/route")
    for user in range(100):
        await call("hostile", large_request(user))
    flood = [asyncio.create_task(call("hostile", large_request(100 + user))) for user in range(400)]
    await asyncio.sleep(0)
    order.clear()
    for _ in range(20):
        await asyncio.create_task(call("victim", victim))
    behind = order.count("hostile")
    await asyncio.gather(*flood)

    assert order.count("victim") == 20
    assert behind <= 3 * 20
    assert order.count("hostile") == 400
