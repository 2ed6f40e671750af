"""Whose memory counters take: a bound over all, in bytes, and a part of it that nobody else can use up."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuadrant.ratelimit import RateLimitService
from kuadrant.ratelimit.counter_shares import Holding, Shares, Tenant, tenant_of
from kuadrant.ratelimit.counters import LimitCounters, counter_values

from .asking import KEY, Clock, asking, code, limit

if TYPE_CHECKING:
    from collections.abc import Sequence

USER = ('descriptors[0]["user"]',)


def shared(bound: int, *tenants: str) -> tuple[Shares, list[Holding]]:
    shares = Shares(bound)
    holdings = [Holding(Tenant(name)) for name in tenants]
    shares.divide(zip(tenants, holdings, strict=True))
    return shares, holdings


def fill(shares: Shares, holding: Holding, size: int = 1) -> int:
    """Take as much as there is; returns how many."""
    taken = 0
    while shares.take(holding, size):
        taken += 1
    return taken


def test_one_alone_may_have_most_of_it() -> None:
    shares, (only,) = shared(10_000, "a")
    assert fill(shares, only) > 8000


def test_whoever_comes_later_finds_his_part_and_more() -> None:
    shares, (a, b, c) = shared(12_000, "a", "b", "c")
    first, second, third = fill(shares, a), fill(shares, b), fill(shares, c)

    assert first > second > third > 2000
    assert shares.held <= 12_000


def test_a_limit_of_the_same_tenant_finds_its_part_too() -> None:
    shares, (full, other, stranger) = shared(16_000, "a", "a", "b")
    fill(shares, full)

    assert fill(shares, other) >= 16_000 // 2 // 2 // 2 // 2
    assert fill(shares, stranger) > 16_000 // 2 // 2


def test_what_is_given_back_can_be_taken_again() -> None:
    shares, (a, b) = shared(10_000, "a", "b")
    before = fill(shares, a, 10)
    for _ in range(before):
        shares.give(a, 10)

    assert (shares.held, a.held, a.tenant.excess) == (0, 0, 0)
    assert fill(shares, b, 10) == before


def test_a_tenant_is_what_owns_the_domains() -> None:
    assert [tenant_of(name) for name in ("team/a", "team/b", "shop", "/x")] == ["team", "team", "shop", ""]


@given(
    st.integers(0, 5000),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 400), st.booleans()), max_size=60),
    st.lists(st.sampled_from("abcd"), max_size=4),
)
@settings(deadline=None)
def test_whatever_is_taken_and_given_the_sums_and_the_bound_hold(
    bound: int, tenants: Sequence[str], steps: list[tuple[int, int, bool]], more: list[str]
) -> None:
    shares, holdings = shared(bound, *tenants)
    taken: list[tuple[Holding, int]] = []

    def go() -> None:
        for index, size, gives in steps:
            if gives and taken:
                shares.give(*taken.pop(index % len(taken)))
            else:
                holding = holdings[index % len(holdings)]
                own = holding.held + size <= holding.guaranteed and shares.held + size <= bound
                is_taken = shares.take(holding, size)
                assert is_taken or not own
                if is_taken:
                    taken.append((holding, size))
            assert (
                shares.held
                == sum(size for _, size in taken)
                == sum(one.held for one in shares.tenants.values())
            )
            assert shares.held <= bound
            assert all(0 <= shares.tenants_use(tenant) <= 1 for tenant in shares.tenants.values())

    go()
    names = [*tenants, *more]
    holdings += [Holding(Tenant(name)) for name in more]
    shares.divide(zip(names, holdings, strict=True))
    go()


def test_who_fills_his_share_hurts_himself_only() -> None:
    clock = Clock()
    victim = [limit(3, namespace="victim/route", variables=USER)]
    hostile = [
        limit(3, namespace="hostile/route", variables=USER),
        limit(3, "limit.b__0123abcd", "hostile/route", variables=USER),
    ]
    service = RateLimitService([*victim, *hostile], clock=clock, counter_bytes=400_000)
    codes = [code(service, asking(KEY, domain="hostile/route", user=str(number))) for number in range(3000)]

    assert codes[:400] == ["OK"] * 400
    assert codes[-1] == "OVER_LIMIT"
    for number in range(100):
        asked = asking(KEY, domain="victim/route", user=str(number))
        assert [code(service, asked) for _ in range(4)] == ["OK"] * 3 + ["OVER_LIMIT"]
        asked = asking("limit.b__0123abcd", domain="hostile/route", user=str(number))
        if number < 40:
            assert [code(service, asked) for _ in range(4)] == ["OK"] * 3 + ["OVER_LIMIT"]
    # Those who had a counter before notice nothing, and all is as before when the window is over.
    assert [code(service, asking(KEY, domain="hostile/route", user="7")) for _ in range(3)] == ["OK"] * 2 + [
        "OVER_LIMIT"
    ]
    clock.now = 60.0
    assert [
        code(service, asking(KEY, domain="hostile/route", user=str(number))) for number in range(400)
    ] == ["OK"] * 400


def test_a_share_that_is_nearly_used_and_one_that_is_are_told(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    service = RateLimitService(
        [
            limit(3, namespace="hostile/route", variables=USER),
            limit(3, namespace="victim/route", variables=USER),
        ],
        clock=clock,
        counter_bytes=400_000,
    )
    number = 0
    while not caplog.records:
        number += 1
        code(service, asking(KEY, domain="hostile/route", user=str(number)))
    assert "counters of 'hostile' take" in caplog.text
    assert "more than 80 %" in caplog.text
    metrics = service.metrics().decode()
    assert "kuadrant_ratelimit_shares_nearly_used 1.0" in metrics
    assert 'kuadrant_ratelimit_share_used_ratio{tenant="victim"} 0.0' in metrics
    assert "kuadrant_ratelimit_counters_shared_total 0.0" in metrics

    clock.now = 59.0
    for number in range(1_000_000, 1_003_000):
        code(service, asking(KEY, domain="hostile/route", user=str(number)))
    assert len(caplog.records) == 1
    (used,) = re.findall(r'share_used_ratio{tenant="hostile"} (\S+)', service.metrics().decode())
    assert float(used) > 0.97
    clock.now = 121.0
    for number in range(2_000_000, 2_003_000):
        code(service, asking(KEY, domain="hostile/route", user=str(number)))
    assert len(caplog.records) == 2


MILLION = """
import json, sys
from tests.unit.ratelimit.asking import Clock, KEY, asking, code, limit
from kuadrant.ratelimit import RateLimitService

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

USER = ('descriptors[0]["user"]',)
BOUND = 32 << 20
service = RateLimitService(
    [limit(3, namespace="hostile/route", variables=USER), limit(3, namespace="victim/route", variables=USER)],
    clock=Clock(), counter_bytes=BOUND,
)
before = resident()
sizes, wrong, admitted = [], 0, 0
for number in range(1_000_000):
    admitted += code(service, asking(KEY, domain="hostile/route", user="%07d" % number + "x" * 40)) == "OK"
    if number % 1000 == 0:
        asked = asking(KEY, domain="victim/route", user="victim %d" % number)
        wrong += [code(service, asked) for _ in range(4)] != ["OK"] * 3 + ["OVER_LIMIT"]
    if number % 50_000 == 0:
        sizes.append(resident() - before)
print(json.dumps({"sizes": sizes, "bound": BOUND, "wrong": wrong, "admitted": admitted,
                  "held": service._counters.shares.held}))
"""


@pytest.mark.slow
def test_a_million_values_of_one_tenant_leave_the_other_exact_and_memory_flat() -> None:
    ran = subprocess.run([sys.executable, "-c", MILLION], check=True, capture_output=True, text=True)
    found = json.loads(ran.stdout)

    assert found["wrong"] == 0
    assert 10_000 < found["admitted"] < 200_000
    assert found["held"] <= found["bound"]
    # What is remembered of requests comes on top, and has a bound of its own.
    assert max(found["sizes"]) < found["bound"] + (12 << 20)
    assert max(found["sizes"][5:]) - min(found["sizes"][5:]) < 4 << 20


@pytest.mark.slow
@pytest.mark.parametrize("length", [0, 1, 40, 64, 200])
@pytest.mark.parametrize("letter", ["x", "ü", "\u65e5", "\U0001f600"])
def test_a_counter_takes_no_more_than_is_counted_for_it(length: int, letter: str) -> None:
    program = f"""
import sys
from tests.unit.ratelimit.store import BY_USER, Store
store = Store(BY_USER)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
before = resident()
for number in range(60_000):
    store.hit(0.5, BY_USER, str(number) + {letter!r} * {length})
print((resident() - before) / store.counters.shares.held)
"""
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert float(ran.stdout) < 1.0


def test_counters_of_limits_that_are_gone_are_gone_without_waiting_for_the_collector() -> None:
    service = RateLimitService()
    gc.collect()
    before = sum(isinstance(one, LimitCounters) for one in gc.get_objects())
    gc.disable()
    try:
        for number in range(20):
            service.replace([limit(3, f"limit.a__{number:08x}", variables=USER)])
            code(service, asking(f"limit.a__{number:08x}", user="x"))
        assert sum(isinstance(one, LimitCounters) for one in gc.get_objects()) == before + 1
    finally:
        gc.enable()


def test_values_are_held_in_a_bounded_form() -> None:
    found = counter_values(["\U0001f600" * 60] * 40)
    assert found is not None
    assert found.size < 600
