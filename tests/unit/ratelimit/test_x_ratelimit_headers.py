import pytest

from kuadrant.ratelimit.counters import Ask, LimitCounters, Standing
from kuadrant.ratelimit.x_ratelimit_headers import rate_limit_headers


@pytest.mark.parametrize(
    ("reset", "text"),
    [
        (10, "10"),
        (9.1, "10"),
        (9.0, "9"),
        ((812.3 + 3600) - 812.3, "3600"),
        (3600.0000000002, "3600"),
        (0.01, "1"),
    ],
)
def test_the_reset_is_rounded_up_but_not_by_an_error_of_floating_point(reset: float, text: str) -> None:
    ask = Ask(LimitCounters(("n", 10, frozenset(), frozenset(), "FixedWindow")), None, 5, 1, "", 5)

    assert dict(rate_limit_headers([Standing(ask, 4, reset)]))["x-ratelimit-reset"] == text
