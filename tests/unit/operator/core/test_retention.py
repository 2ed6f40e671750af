"""A gateway may go on with what it had for a time that its provider and its delivery mode decide."""

from __future__ import annotations

from math import inf

import pytest

from kuadrant.gateways import envoy_gateway, istio
from kuadrant.gateways.provider import GatewayObjects, Provider
from kuadrant.operator.core.decider import Decider
from kuadrant.operator.core.decision import GatewayDecision
from kuadrant.operator.core.limit_retention import Retention
from kuadrant.operator.core.times import RETENTION_SECONDS, UNSEEN_SECONDS
from kuadrant.operator.core.version_arrivals import Arrivals
from kuadrant.policy.budgets import DEFAULT
from tests.unit.operator.example import WANTED, limitador, world
from tests.unit.operator.known import known


def retention(works_since: float | None) -> Retention:
    return Retention(DEFAULT, lambda _: works_since)


@pytest.mark.parametrize(
    ("provider", "pushed", "works_since", "seconds"),
    [
        pytest.param(None, {}, 0.0, RETENTION_SECONDS, id="nobody's gateway"),
        pytest.param(istio, {"filter": b""}, -inf, RETENTION_SECONDS, id="pushed to: its pods say it"),
        pytest.param(istio, {}, 0.0, RETENTION_SECONDS + istio.DRAIN, id="its control plane is seen"),
        pytest.param(
            istio, {}, None, RETENTION_SECONDS + istio.DRAIN, id="its control plane is seen to be away"
        ),
        pytest.param(istio, {}, -inf, UNSEEN_SECONDS, id="nobody can see its control plane"),
        pytest.param(
            envoy_gateway, {}, 0.0, RETENTION_SECONDS + envoy_gateway.DRAIN, id="former connections go on"
        ),
    ],
)
def test_limits_stay_for_as_long_as_a_gateway_may_ask_for_them(
    provider: Provider | None, pushed: dict[str, bytes], works_since: float | None, seconds: float
) -> None:
    one = GatewayDecision(provider=provider, wanted=GatewayObjects("ns", "gw", pushed=pushed))

    assert retention(works_since).seconds(one) == seconds


def test_what_is_retained_changes_what_is_to_be_decided_and_then_does_not() -> None:
    one, arrivals = retention(0.0), Arrivals()
    decision = Decider().decide(world(limitador(WANTED)), known())
    assert one.retained is None, "at first any limit may be asked for"

    assert one.note(decision, arrivals, 0.0)
    assert one.retained == {limit.identity for limit in WANTED}
    assert not one.note(decision, arrivals, 1.0)
    assert one.crowded == frozenset()
