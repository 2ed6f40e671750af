"""Requests that a gateway has denied by itself are calls of their limit, once it asks again."""

from __future__ import annotations

import pytest

from kuadrant.api.caller_token import HEADER as TOKEN
from kuadrant.api.caller_token import shown
from kuadrant.ratelimit import Callers, RateLimitService
from kuadrant.ratelimit.remembered_denials import HEADER

from .asking import KEY, asking, limit

OTHER = "limit.cars__89abcdef"
KEYS = (b"k" * 32,)
ASKED = asking(KEY, OTHER)


class Context:
    """A call of a gateway, or of somebody else."""

    def __init__(self, told: str, token: str = "") -> None:
        self.told, self.token = told, token

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        token = ((TOKEN, self.token),) if self.token else ()
        return (("traceparent", "0"), *token, (HEADER, self.told))


async def limited(*told: str, token: str = "") -> dict[str, int]:
    """What is counted as limited, by the limit's name, after one denied question."""
    callers = Callers()
    callers.hold(KEYS, "")
    limits = [limit(1, name="toys"), limit(5, OTHER, name="cars")]
    service = RateLimitService(limits, clock=lambda: 0.0, callers=callers)
    service.decide(ASKED)
    service.decide(ASKED)
    for one in told:
        await service.ShouldRateLimit(ASKED, Context(one, token or shown(KEYS, "team/gateway")))
    return {
        each.limit: each.limited - len(told) * (each.limit == "toys")
        for each in service.calls().scopes[0].limits
    }


@pytest.mark.parametrize(
    ("told", "toys", "cars"),
    [
        pytest.param([f"7 {KEY}"], 8, 0, id="by the limit that denied"),
        pytest.param([f"7 {OTHER}"], 1, 7, id="which may be another one by now"),
        pytest.param([f"7 {KEY}", f"5 {KEY}"], 13, 0, id="each time"),
        pytest.param(["7 "], 8, 0, id="of a limit with a name that metadata cannot have"),
        pytest.param(["7 limit.gone__00000000"], 1, 0, id="of one that is not asked for"),
        pytest.param([f"-7 {KEY}", f"many {KEY}", f"{10**9} {KEY}", ""], 1, 0, id="what is no number"),
    ],
)
async def test_they_are_counted(told: list[str], toys: int, cars: int) -> None:
    found = await limited(*told)
    assert (found["toys"], found.get("cars", 0)) == (toys, cars)


async def test_nobody_else_can_make_them_up() -> None:
    assert await limited(f"7 {KEY}", token="no token of ours") == {"toys": 1}
