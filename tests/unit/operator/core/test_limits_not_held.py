"""What is said of policies that ask for limits which the rate limit service does not hold."""

from __future__ import annotations

import pytest

from kuadrant.api.limitador import NotHeld
from kuadrant.compiler.program import (
    Action,
    GatewayProgram,
    HostProgram,
    LimitAction,
    ListenerProgram,
    RuleProgram,
)
from kuadrant.operator.core.limits_not_held import by_policy
from kuadrant.policy.match import RequestMatch

SHADOW = LimitAction("limit.a__01234567", sources=("ns/p",), refuses=False)
ENFORCED = LimitAction("limit.b__01234567", sources=("ns/p",))


@pytest.mark.parametrize(
    ("limits", "consequence"),
    [
        ((SHADOW,), "it is in shadow and refuses nobody, but does not watch either"),
        ((ENFORCED, SHADOW), "requests that ask for it are answered with 500 (failure mode deny)"),
    ],
)
def test_who_is_refused_for_it_is_said(limits: tuple[LimitAction, ...], consequence: str) -> None:
    rule = RuleProgram("r", "ns/r", RequestMatch(), (Action("ns/r", limits),))
    listener = ListenerProgram(("l",), 80, "HTTP", (HostProgram("*", (rule,)),))
    program = GatewayProgram("ns", "gw", (listener,), ())
    absent = tuple(NotHeld("ns/r", limit.key) for limit in limits)
    assert by_policy(absent, (program,), "deny")["ns/p"].endswith(consequence)
