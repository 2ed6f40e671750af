"""When the former way to the module may go, so that no request is limited by neither way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.gateways import envoy_gateway, istio
from kuadrant.gateways.delivery_mode import ASKS
from kuadrant.gateways.module_address import served_module
from kuadrant.gateways.provider import GatewayObjects, PodSelector
from kuadrant.operator.core.decision import Decision, GatewayDecision
from kuadrant.operator.core.delivery_switch import DeliverySwitch
from kuadrant.operator.core.times import PROVIDER_HEARD_SECONDS
from kuadrant.operator.push.decision_delivery import Delivery
from kuadrant.operator.push.server import Push, content_of
from kuadrant.status import FilterState
from kuadrant.wasm.module import Module
from kuadrant.xds.peer import nobody
from tests.certificates import SHOWN
from tests.unit.operator.known import module
from tests.unit.operator.push.pods import pod

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.gateways.provider import Provider

KEY = ("ns", "gw")
MODULE = Module("shim", b"\0asm")
PLUGIN: dict[str, Any] = {"kind": "Plugin", "metadata": {"name": "plugin"}}
ASKING: dict[str, Any] = {"kind": "Asking", "metadata": {"name": "asking", "labels": ASKS}}
NEW, OLD = b'{"version":1}', b"{}"


def to_push(provider: Provider, *obsolete: Mapping[str, Any]) -> GatewayDecision:
    pods = PodSelector(frozenset({"ns"}), {"gateway": "gw"})
    wanted = GatewayObjects(*KEY, (ASKING,), pushed={"filter": NEW}, pods=pods)
    return GatewayDecision(provider=provider, wanted=wanted, obsolete=obsolete)


def to_pull(*obsolete: Mapping[str, Any], objects: tuple[dict[str, Any], ...] = (PLUGIN,)) -> GatewayDecision:
    return GatewayDecision(provider=istio, wanted=GatewayObjects(*KEY, objects), obsolete=obsolete)


class Gateway:
    """A gateway with one pod, which says that it runs something."""

    def __init__(self) -> None:
        self.running = NEW
        self._switch = DeliverySwitch()
        self._deliveries = Delivery(
            Push(MODULE, SHOWN.certificate, 0, identify=nobody), lambda: [{"ns/a": (self._said(),)}]
        )

    def _said(self) -> FilterState:
        return FilterState(filter="filter", running=content_of(MODULE, self.running))

    async def may_go(
        self, one: GatewayDecision, now: float, *, written: bool = True, accepted: bool = True
    ) -> tuple[tuple[Mapping[str, Any], ...], float]:
        nothing: Any = None
        decision = Decision(
            module=module(address=served_module("modules.example", 8082, MODULE.sha256)),
            limits=(),
            present=(),
            limitador=nothing,
            gateways={KEY: one},
            compilation=nothing,
            installed=True,
        )
        await self._deliveries.take(decision, lambda: [pod("a", "10.0.0.1")])
        asked = self._deliveries.of(KEY, one)
        return self._switch.may_go(KEY, one, asked, written=written, accepted=accepted, now=now)


async def test_a_plugin_of_istio_goes_when_the_pods_run_what_they_asked_for() -> None:
    gateway, decision = Gateway(), to_push(istio, PLUGIN)

    gateway.running = OLD
    assert await gateway.may_go(decision, 0.0) == ((), 0.0)
    gateway.running = NEW
    assert await gateway.may_go(decision, 1.0, accepted=False) == ((), 0.0)
    assert await gateway.may_go(decision, 2.0) == ((PLUGIN,), 0.0)


async def test_a_plugin_of_envoy_gateway_goes_when_no_connection_is_left_that_needs_it() -> None:
    gateway, decision = Gateway(), to_push(envoy_gateway, PLUGIN)

    gateway.running = OLD
    assert await gateway.may_go(decision, 0.0) == ((), 0.0)
    gateway.running = NEW
    assert await gateway.may_go(decision, 100.0) == ((), 60.0)
    # What is pushed later goes to the same listener; but what the pods do not have is not relied on.
    gateway.running = OLD
    assert await gateway.may_go(decision, 130.0) == ((), 0.0)
    gateway.running = NEW
    assert await gateway.may_go(decision, 150.0) == ((), 10.0)
    assert await gateway.may_go(decision, 160.0) == ((PLUGIN,), 0.0)


async def test_the_time_begins_anew_when_what_makes_pods_ask_was_away() -> None:
    gateway, decision = Gateway(), to_push(envoy_gateway, PLUGIN)

    assert await gateway.may_go(decision, 0.0) == ((), 60.0)
    assert await gateway.may_go(decision, 30.0, written=False) == ((), 0.0)
    assert await gateway.may_go(decision, 40.0) == ((), 60.0)


async def test_what_makes_pods_ask_goes_when_the_provider_has_heard_of_the_plugin() -> None:
    gateway, decision = Gateway(), to_pull(ASKING)

    assert await gateway.may_go(decision, 0.0, accepted=False) == ((), 0.0)
    assert await gateway.may_go(decision, 10.0) == ((), PROVIDER_HEARD_SECONDS)
    assert await gateway.may_go(decision, 10.0 + PROVIDER_HEARD_SECONDS) == ((ASKING,), 0.0)


async def test_a_plugin_in_whose_place_others_come_goes_when_they_are_written() -> None:
    """Whether the provider accepts them or not: a plugin may be what keeps it from that."""
    gateway, decision = Gateway(), to_pull(PLUGIN)

    assert await gateway.may_go(decision, 0.0, written=False, accepted=False) == ((), 0.0)
    assert await gateway.may_go(decision, 1.0, accepted=False) == ((PLUGIN,), 0.0)


async def test_what_nothing_takes_the_place_of_goes_at_once() -> None:
    decision = to_pull(ASKING, PLUGIN, objects=())
    assert await Gateway().may_go(decision, 0.0, written=False) == (decision.obsolete, 0.0)


CLUSTER: dict[str, Any] = {
    "kind": "EnvoyFilter",
    "metadata": {
        "name": istio.envoy_filter_name("gw"),
        "ownerReferences": [
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "Gateway",
                "name": "gw",
                "controller": True,
            }
        ],
    },
}


async def test_what_connections_to_a_former_listener_ask_by_goes_when_they_are_closed() -> None:
    gateway = Gateway()

    assert await gateway.may_go(to_pull(PLUGIN, CLUSTER, objects=()), 0.0) == ((PLUGIN,), 0.0)
    emptied = to_pull(CLUSTER, objects=())
    assert await gateway.may_go(emptied, 1.0) == ((), istio.LINGER)
    assert await gateway.may_go(emptied, istio.LINGER) == ((), 1.0)
    assert await gateway.may_go(emptied, 1.0 + istio.LINGER) == ((CLUSTER,), 0.0)


async def test_it_goes_soon_when_the_pods_have_said_that_they_ask_no_more() -> None:
    pods = PodSelector(frozenset({"ns"}), {"gateway": "gw"})
    wanted = GatewayObjects(*KEY, (), pushed={"filter": NEW}, pods=pods)
    decision = GatewayDecision(provider=istio, wanted=wanted, obsolete=(CLUSTER,))

    assert await Gateway().may_go(decision, 0.0) == ((), PROVIDER_HEARD_SECONDS)


async def test_the_time_begins_anew_with_another_plugin() -> None:
    gateway = Gateway()

    assert await gateway.may_go(to_pull(CLUSTER, objects=()), 0.0) == ((), istio.LINGER)
    assert await gateway.may_go(to_pull(), 10.0) == ((), 0.0)
    assert await gateway.may_go(to_pull(CLUSTER, objects=()), 20.0) == ((), istio.LINGER)
