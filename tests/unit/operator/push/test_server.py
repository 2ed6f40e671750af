"""What goes out to the pods of a gateway that asks, and when.

Also what is said of its policies by what they answer.
"""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from kuadrant.envoy_api import decode, encode
from kuadrant.gateways.delivery_mode import ANNOTATION
from kuadrant.gateways.envoy.discovered_filter import extension
from kuadrant.gateways.provider import PodSelector, Rendering
from kuadrant.operator.core import kinds
from kuadrant.operator.push.gateway_pods import gateway_pods
from kuadrant.operator.push.server import pod_states
from kuadrant.operator.reconcile import reconciler
from kuadrant.status import Content, FilterState, PodState
from kuadrant.wasm.module import Module
from tests.unit.operator.cluster import LIMITADOR, PLUGIN, POLICY, Run
from tests.unit.operator.known import module
from tests.unit.operator.push.pods import pod as gateway_pod
from tests.unit.operator.push.pushing import FILTER, GATEWAY, MODULE, NAME, NODE, address_of, pod, pushing


async def test_nothing_goes_out_before_its_limits_are_held() -> None:
    async with pushing() as one:
        await one.ask()
        await one.run.until(lambda: "istio-system/pod-1" in one.push.deliveries())
        await one.run.quiet()
        assert one.push.deliveries()["istio-system/pod-1"][0].running is None

        one.run.api.hold()
        assert (await one.take())["hosts"]


@pytest.mark.slow
async def test_a_policy_is_enforced_when_every_ready_pod_has_taken_it() -> None:
    async with pushing() as one:
        one.run.api.put(pod("pod-2", "10.0.0.2", ready=False))
        one.run.api.hold()
        await one.says("waiting for the following components to sync: [Pod (istio-system/pod-1)]")
        await one.ask()
        await one.take()
        await one.run.until(one.run.is_enforced)

        one.run.api.put(pod("pod-2", "10.0.0.2"))
        await one.says("[Pod (istio-system/pod-2)]")


async def test_no_pod_is_no_enforcement() -> None:
    async with pushing() as one:
        one.run.api.put(pod(ready=False))
        one.run.api.hold()
        await one.says("[Gateway (istio-system/istio-ingressgateway)]")


async def test_a_refusal_is_told_with_envoys_words_and_the_pods_name() -> None:
    async with pushing() as one:
        one.run.api.hold()
        envoy = await one.ask()
        response, _ = await one.hears()
        await envoy.ask("", NAME, nonce=response.nonce, error="Unable to create Wasm plugin")
        await one.says(
            "pod istio-system/pod-1 keeps what it had and refuses what is wanted: Unable to create "
            "Wasm plugin"
        )
        assert not one.run.is_enforced()


async def test_what_goes_out_is_the_filter_with_the_module_in_it() -> None:
    async with pushing() as one:
        one.run.api.hold()
        envoy = await one.ask()
        response = await envoy.read()
        (packed,) = response.resources
        form = decode(packed.SerializeToString())
        text = form["typed_config"]["config"]["configuration"]["value"]
        assert form == decode(encode(extension(NAME, MODULE.data, text.encode())))


async def test_another_module_goes_out_with_the_configuration_for_it() -> None:
    other = Module("shim", MODULE.data + b"other")
    async with pushing() as one:
        one.run.api.hold()
        await one.ask()
        await one.take()
        await one.run.until(one.run.is_enforced)

        one.push.add(other)
        one.run.known = replace(
            one.run.known,
            module=module(address=address_of(other), rendering=Rendering(lambda _: b'{"for": "the other"}')),
        )
        one.run.reconciler.look()
        response, configuration = await one.hears()
        (packed,) = response.resources
        vm = decode(packed.SerializeToString())["typed_config"]["config"]["vm_config"]
        assert configuration == {"for": "the other"}
        assert vm["vm_id"] == other.sha256


async def test_how_pods_stand_is_counted_for_each_gateway() -> None:
    def counted(state: str) -> float | None:
        labels = {"gateway": "/".join(GATEWAY), "delivery": "push", "state": state}
        return one.run.metrics.registry.get_sample_value("kuadrant_gateway_pods", labels)

    async with pushing() as one:
        one.run.api.hold()
        await one.says("[Pod (istio-system/pod-1)]")
        assert (counted("unknown"), counted("current")) == (1.0, 0.0)
        await one.ask()
        await one.take()
        await one.run.until(one.run.is_enforced)
        assert (counted("unknown"), counted("current")) == (0.0, 1.0)


@pytest.mark.slow
async def test_a_pod_that_goes_is_missed() -> None:
    async with pushing() as one:
        one.run.api.hold()
        envoy = await one.ask()
        await one.take()
        await one.run.until(one.run.is_enforced)
        await envoy.close()
        await one.says("[Pod (istio-system/pod-1)]")


def another_gateway(run: Run) -> None:
    """Put a gateway beside that of the example, with a route and a policy of its own."""
    for kind, key in ((kinds.GATEWAYS, GATEWAY), (kinds.HTTP_ROUTES, POLICY), (kinds.POLICIES, POLICY)):
        document = json.loads(json.dumps(run.api.get(kind, key)))
        document["metadata"] |= {"name": "another", "uid": "2"}
        document.pop("status", None)
        for parent in document["spec"].get("parentRefs", ()):
            parent["name"] = "another"
        if target := document["spec"].get("targetRef"):
            target["name"] = "another"
        run.api.put(document)


async def test_a_pod_does_not_wait_for_limits_of_gateways_that_it_does_not_serve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconciler, "FIRST_ANSWER_SECONDS", 1000)
    async with pushing() as one:
        another_gateway(one.run)
        its_pod = pod("pod-2")
        its_pod["metadata"]["labels"]["gateway.networking.k8s.io/gateway-name"] = "another"
        one.run.api.delete(kinds.PODS, ("istio-system", "pod-1"))
        one.run.api.put(its_pod)
        one.run.api.put(pod(address="127.0.0.9"))
        await one.run.until(lambda: len(one.run.api.get(kinds.LIMITADORS, LIMITADOR)["spec"]["limits"]) == 2)
        one.run.api.hold()
        await one.run.until(lambda: not any(each.untold for each in one.run.reconciler.gateways.values()))
        policy = json.loads(json.dumps(one.run.api.get(kinds.POLICIES, POLICY)))
        policy["spec"]["limits"]["create-toy"]["rates"][0]["duration"] = 20
        policy["metadata"]["generation"] = 2
        one.run.api.put(policy)
        await one.run.until(lambda: bool(one.run.reconciler.gateways[GATEWAY].untold))

        await one.ask("kuadrant/istio-system/another", NODE.replace("pod-1", "pod-2"))

        _, configuration = await one.hears()
        assert configuration["hosts"]


async def test_a_pod_that_says_that_it_is_another_gets_nothing() -> None:
    async with pushing() as one:
        one.run.api.hold()
        await one.ask(node=NODE.replace("pod-1", "pod-2"))
        await one.says("[Pod (istio-system/pod-1)]")
        await one.run.quiet()
        assert one.push.deliveries() == {}


@pytest.mark.slow
async def test_the_plugin_goes_when_every_pod_asks_and_comes_back_before_the_filter_goes() -> None:
    async with pushing() as one:
        run = one.run

        def deliver(way: str) -> None:
            document = json.loads(json.dumps(run.api.get(kinds.GATEWAYS, GATEWAY)))
            document["metadata"]["annotations"] = {ANNOTATION: way}
            run.api.put(document)

        deliver("pull")
        run.api.hold()
        await run.until(run.is_enforced)
        assert ("wasmplugins", PLUGIN) in run.api.documents

        deliver("push")
        await run.until(lambda: ("envoyfilters", FILTER) in run.api.documents)
        await one.says("[Pod (istio-system/pod-1)]")
        assert ("wasmplugins", PLUGIN) in run.api.documents
        await one.ask()
        await one.take()
        await run.until(lambda: ("wasmplugins", PLUGIN) not in run.api.documents)
        await run.until(run.is_enforced)

        deliver("pull")
        await run.until(lambda: ("wasmplugins", PLUGIN) in run.api.documents)
        assert ("envoyfilters", FILTER) in run.api.documents
        await run.until(lambda: ("envoyfilters", FILTER) not in run.api.documents)
        assert run.is_enforced()


async def test_without_a_policy_a_pod_that_asks_is_told_to_limit_nothing() -> None:
    async with pushing() as one:
        one.run.api.hold()
        await one.ask()
        assert (await one.take())["hosts"]
        await one.run.until(one.run.is_enforced)
        one.run.api.delete(kinds.POLICIES, POLICY)
        assert (await one.take())["hosts"] == []


async def test_a_pod_that_was_told_to_ask_by_another_replica_hears_of_limits_first() -> None:
    """This one has not seen the policy yet: "nothing is limited" would open what is limited."""
    async with pushing() as one:
        one.run.leads = False
        policy = one.run.api.get(kinds.POLICIES, POLICY)
        one.run.api.delete(kinds.POLICIES, POLICY)
        await one.run.quiet()
        await one.ask()
        await one.run.quiet()

        one.run.api.put(policy)
        one.run.api.hold()

        assert (await one.take())["hosts"]


async def test_a_pod_that_connects_is_told_what_was_decided_since() -> None:
    """What was decided before may be older than what another replica has told it."""
    async with pushing() as one:
        one.run.api.hold()
        await one.run.quiet()

        # Nobody says that it changed.
        rendering = Rendering(lambda _: b'{"for": "who comes later"}')
        one.run.known = replace(one.run.known, module=module(address=address_of(MODULE), rendering=rendering))
        await one.ask()

        assert await one.take() == {"for": "who comes later"}


async def test_a_pod_that_connects_is_told_nothing_before_its_limits_are_held() -> None:
    """Another replica may have told it of them already, and know that they are held."""
    async with pushing() as one:
        one.run.api.hold()
        await one.run.quiet()
        policy = one.run.api.get(kinds.POLICIES, POLICY)
        policy["spec"]["limits"] = {"other": policy["spec"]["limits"].popitem()[1]}
        one.run.api.put(policy)
        await one.run.until(lambda: "other" in str(one.run.api.get(kinds.LIMITADORS, LIMITADOR)["spec"]))
        await one.run.quiet()

        await one.ask()
        await one.run.quiet()
        one.run.api.hold()

        assert "limit.other__" in str(await one.take())


async def test_a_replica_that_does_not_lead_serves_the_same_and_writes_nothing() -> None:
    async with pushing() as one:
        one.run.leads = False
        one.run.api.hold()
        await one.run.quiet()
        one.run.api.writes.clear()
        await one.ask()
        assert (await one.take())["hosts"]
        await one.run.quiet()
        assert one.run.api.writes == []

        one.run.leads = True
        one.run.reconciler.lead()
        await one.run.until(one.run.is_enforced)


def test_of_two_connections_of_a_pod_the_later_one_counts() -> None:
    """The other replica has not found out yet that its connection is gone."""
    selector = PodSelector(frozenset({"ns"}), {"gateway": "gw"})
    pods = gateway_pods([gateway_pod("a", "10.0.0.1")], {("ns", "gw"): selector})
    stale = FilterState(filter="f", asked=1.0, running=Content("a" * 64, "1"), since=1.0)
    live = FilterState(filter="f", asked=2.0, running=Content("a" * 64, "2"), since=2.0)

    for replicas in ([{"ns/a": (stale,)}, {"ns/a": (live,)}], [{"ns/a": (live,)}, {"ns/a": (stale,)}]):
        assert pod_states(pods, ("ns", "gw"), replicas) == (
            PodState(pod="ns/a", ready=True, deliveries=(live,)),
        )


async def test_a_way_that_is_none_is_said() -> None:
    async with pushing() as one:
        document = json.loads(json.dumps(one.run.api.get(kinds.GATEWAYS, GATEWAY)))
        document["metadata"]["annotations"] = {ANNOTATION: "carrier pigeon"}
        one.run.api.put(document)
        one.run.api.hold()
        await one.says(f"the annotation {ANNOTATION} of Gateway istio-system/istio-ingressgateway is neither")


async def test_the_filter_waits_until_the_push_server_is_reached() -> None:
    async with pushing() as one:
        one.run.known = replace(one.run.known, push=replace(one.run.known.push, problem="no route"))
        one.run.api.hold()
        await one.says("[push EnvoyFilter")
        assert ("envoyfilters", FILTER) not in one.run.api.documents
