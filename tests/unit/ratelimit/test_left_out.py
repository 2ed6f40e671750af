"""One limit that is wrong is left out alone, with its reason; the others are held."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kuadrant.api.limit_validity import MOST_EXPRESSIONS, problems
from kuadrant.api.limitador import Limit
from kuadrant.ratelimit import InvalidLimitsError, RateLimitService
from kuadrant.ratelimit.unknown_limits import UnknownLimitError

from .asking import KEY, asking, code, limit

BAD = "limit.bad__89abcdef"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"variables": ('descriptors[0]["request.headers[\\"x\0\\"]"]',)}, "NUL"),
        ({"conditions": (f'descriptors[0]["{BAD}"] == "1"', "true\0")}, "NUL"),
        ({"conditions": (f'descriptors[0]["{BAD}"] == "1"', "a = 1")}, "condition 'a = 1'"),
        ({"conditions": (f'descriptors[0]["{BAD}"] == "1"', "nobody.knows > 1")}, "undeclared reference"),
        ({"variables": ("descriptors",)}, "variable 'descriptors'"),
        ({"variables": ("1 / 0",)}, "variable '1 / 0': can only fail"),
        ({"conditions": (f'descriptors[0]["{BAD}"] == "1"', "1 / 0 == 1")}, "can only fail"),
        ({"variables": ("x" * 20_000,)}, "one has 20000 characters"),
        ({"variables": tuple(f"x{n}" for n in range(MOST_EXPRESSIONS + 1))}, "variables: are 257"),
        ({"seconds": -1}, "seconds: is not between"),
        ({"seconds": 2**60}, "seconds: is not between"),
        ({"max_value": -1}, "max_value: is less than 0"),
        ({"name": "a\0b"}, "name: has a NUL"),
        ({"name": "a" * 5000}, "name: has 5000 characters"),
    ],
)
def test_what_is_wrong_is_left_out_alone_at_start_and_later(fields: dict[str, Any], reason: str) -> None:
    bad = replace(limit(5, BAD), **fields)
    for service in (RateLimitService(), RateLimitService([limit(9), limit(9, BAD)])):
        (out,) = service.take([limit(1), bad])

        assert reason in str(out)
        assert len(str(out)) < 2000
        assert [code(service, asking(KEY)) for _ in range(2)] == ["OK", "OVER_LIMIT"]
        with pytest.raises(UnknownLimitError):
            service.decide(asking(BAD))
    with pytest.raises(InvalidLimitsError):
        RateLimitService([bad])


def test_a_limit_that_no_question_can_be_known_by_leaves_its_namespace_with_the_former_ones_too() -> None:
    foreign = Limit(namespace="shop", max_value=1, seconds=60, conditions=('a == "1"',))
    service = RateLimitService([foreign, limit(1)])
    typing_error = Limit(namespace="shop", max_value=1, seconds=60, conditions=('a = "1"',))

    for _ in range(2):
        (out,) = service.take(
            [typing_error, Limit(namespace="shop", max_value=3, seconds=60, conditions=('b == "1"',))]
        )
        assert "a = " in str(out)
    assert [code(service, asking("a", domain="shop")) for _ in range(2)] == ["OK", "OVER_LIMIT"]
    assert [code(service, asking("b", domain="shop")) for _ in range(4)] == ["OK"] * 3 + ["OVER_LIMIT"]
    with pytest.raises(UnknownLimitError):
        service.decide(asking(KEY))

    service.take([])
    assert code(service, asking("a", domain="shop")) == "OK"


TEXTS = st.text(max_size=12) | st.sampled_from(
    [
        f'descriptors[0]["{KEY}"] == "1"',
        'limit.name == "a"',
        "limit.id == null",
        'descriptors[0]["a"]',
        "1 / 0",
        "\0",
    ]
)
NUMBERS = st.integers() | st.sampled_from([0, 1, 2**53, 2**63, -1])
LIMITS = st.builds(
    Limit,
    namespace=st.sampled_from(["team/route", "", "x"]) | st.text(max_size=5),
    max_value=NUMBERS,
    seconds=NUMBERS,
    conditions=st.lists(TEXTS, max_size=3).map(tuple),
    variables=st.lists(TEXTS, max_size=3).map(tuple),
    name=TEXTS,
)


@given(st.lists(LIMITS, max_size=4))
def test_the_service_leaves_out_exactly_what_the_judge_of_the_operator_refuses(limits: list[Limit]) -> None:
    service = RateLimitService([limit(1, "limit.good__00000000")])

    out = service.take([*limits, limit(1, "limit.good__00000000")])

    assert len(out) == sum(bool(problems((one,))) for one in limits)
    assert code(service, asking("limit.good__00000000")) in ("OK", "OVER_LIMIT")
