"""What the operator wants to be in the cluster, given what is there."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kuadrant.api import documents
from kuadrant.api.limitador import Limit, Limitador
from kuadrant.api.meta import ObjectMeta
from kuadrant.dialects import DIALECTS, Service
from kuadrant.dialects.kuadrant import render
from kuadrant.gateways.envoy import RATE_LIMIT_CLUSTER, Address
from kuadrant.gateways.module import served_module
from kuadrant.operator import decision
from kuadrant.operator.decision import Decider, Decision, Known
from kuadrant.operator.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.objects import Objects
    from kuadrant.kube.kind import Key

EXAMPLE = Path(__file__).parents[3] / "examples" / "toystore"
KEY = ("kuadrant-system", "limitador")
CLASS = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: istio}
spec: {controllerName: istio.io/gateway-controller}
"""


def objects(*extra: str) -> Objects:
    texts = [(path.name, path.read_text()) for path in sorted(EXAMPLE.glob("*.yaml"))]
    folder = documents.read([*texts, *(("extra.yaml", text) for text in (CLASS, *extra))])
    assert not folder.problems
    return folder.objects


def known(**values: Any) -> Known:
    return msgspec.structs.replace(
        Known(
            module=served_module("modules.example", 8082, "0" * 64),
            module_problem="",
            module_name="kuadrant-wasm-shim 1.2.3",
            dialect=DIALECTS["kuadrant-v1"],
            configure=partial(render, service=Service(RATE_LIMIT_CLUSTER)),
        ),
        **values,
    )


def limitador(
    limits: tuple[Limit, ...], *, generation: int = 1, observed: int = 1, ready: str = "True"
) -> Limitador:
    document = {
        "metadata": {"name": KEY[1], "namespace": KEY[0], "generation": generation},
        "spec": {"limits": limits},
        "status": {
            "observedGeneration": observed,
            "conditions": [{"type": "Ready", "status": ready}],
            "service": {"host": "limits.example", "ports": {"grpc": 8081, "http": 8080}},
        },
    }
    return msgspec.json.decode(msgspec.json.encode(document), type=Limitador)


def decide(world: World, known: Known) -> Decision:
    return Decider().decide(world, known)


def to_write(decided: Decision) -> Iterator[tuple[Key, dict[str, Any]]]:
    """The objects that may be written now, each with the gateway it is for."""
    return ((key, document) for key, one in decided.gateways.items() for document in one.objects)


def world(resource: Limitador | None = None, **values: Any) -> World:
    everything = objects()
    return World(
        objects=msgspec.structs.replace(everything, **values),
        limitadors={} if resource is None else {KEY: resource},
    )


WANTED = decide(world(), known()).limits


GATEWAY = ("istio-system", "istio-ingressgateway")


def test_the_limits_go_first() -> None:
    """Before the rate limit service holds them, a gateway would ask for limits that are not there."""
    result = decide(world(), known())

    assert result.limitador.document is not None
    assert [limit["namespace"] for limit in result.limitador.document["spec"]["limits"]] == [
        "default/toystore"
    ]
    assert result.gateways[GATEWAY].awaited == ("Limitador",)
    assert list(to_write(result)) == []


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param(limitador(()), id="the limits are not written yet"),
        pytest.param(limitador(WANTED, generation=2), id="the service has seen an older generation"),
        pytest.param(limitador(WANTED, ready="False"), id="the service is not ready"),
    ],
)
def test_the_objects_of_a_gateway_wait_for_its_limits(resource: Limitador) -> None:
    result = decide(world(resource), known())

    assert result.gateways[GATEWAY].awaited == ("Limitador",)
    assert list(to_write(result)) == []


def test_while_the_service_takes_other_limits_it_holds_those_that_it_held() -> None:
    """Else an edit of one policy would have every gateway wait."""
    resource = limitador(WANTED, generation=2)

    assert decide(world(resource), known(held=frozenset(WANTED))).gateways[GATEWAY].awaited == ()
    assert decide(world(resource), known(held=frozenset())).gateways[GATEWAY].awaited == ("Limitador",)
    broken = limitador(WANTED, generation=2, ready="False")
    assert decide(world(broken), known(held=frozenset(WANTED))).gateways[GATEWAY].awaited == ("Limitador",)


def test_a_limit_that_is_held_with_another_value_keeps_nothing_from_being_written() -> None:
    """It limits. That it is not the wanted one yet is said, and does not delay what else the edit changed."""
    former = tuple(msgspec.structs.replace(limit, max_value=limit.max_value + 1) for limit in WANTED)

    edited = decide(world(limitador(former)), known()).gateways[GATEWAY]
    assert (edited.awaited, edited.held) == ((), False)
    done = decide(world(limitador(WANTED)), known()).gateways[GATEWAY]
    assert (done.awaited, done.held) == ((), True)
    assert done.wanted == edited.wanted


def test_a_gateway_does_not_wait_for_the_limits_of_another() -> None:
    """One that limits nothing waits for nothing, and limits that only another has do not matter to it."""
    (policy,) = objects().rate_limit_policies
    other = msgspec.structs.replace(
        objects().gateways[0], metadata=ObjectMeta(name="other", namespace="istio-system")
    )
    result = decide(world(limitador(()), gateways=(*objects().gateways, other)), known())

    assert policy.metadata.name == "toystore"
    assert result.gateways[GATEWAY].awaited == ("Limitador",)
    assert result.gateways["istio-system", "other"].awaited == ()


@pytest.mark.row(163)
def test_the_objects_of_a_gateway_wait_for_the_module() -> None:
    result = decide(world(limitador(WANTED)), known(module_problem="it answers 503"))

    assert result.gateways[GATEWAY].awaited == ("wasm-shim",)
    assert list(to_write(result)) == []


def test_with_limits_held_and_module_proven_the_objects_are_written() -> None:
    result = decide(world(limitador(WANTED)), known())

    assert [(gateway, one["kind"], one["metadata"]["name"]) for gateway, one in to_write(result)] == [
        (GATEWAY, "EnvoyFilter", "kuadrant-ratelimiting-cluster-istio-ingressgateway"),
        (GATEWAY, "WasmPlugin", "kuadrant-istio-ingressgateway"),
    ]


def existing() -> dict[tuple[str, str], tuple[dict[str, Any], ...]]:
    there = decide(world(limitador(WANTED)), known())
    return {GATEWAY: tuple(document for _, document in to_write(there))}


def test_what_is_written_is_in_the_dialect_of_the_module() -> None:
    official = DIALECTS["rate-limit-policies"]
    result = decide(
        world(limitador(WANTED)),
        known(dialect=official, configure=official.configure(Service(RATE_LIMIT_CLUSTER))),
    )

    (plugin,) = (one for _, one in to_write(result) if one["kind"] == "WasmPlugin")
    assert set(plugin["spec"]["pluginConfig"]) == {"failureMode", "rateLimitPolicies"}


def test_a_policy_that_the_module_cannot_be_told_is_not_accepted_and_limits_nothing() -> None:
    official = DIALECTS["rate-limit-policies"]
    selector = {"selector": "request.size", "operator": "eq", "value": "1"}
    (policy,) = objects().rate_limit_policies
    text = msgspec.json.decode(msgspec.json.encode(policy))
    text["spec"]["limits"]["create-toy"]["when"] = [selector]
    unsaid = msgspec.json.decode(msgspec.json.encode(text), type=type(policy))
    result = decide(
        world(limitador(WANTED), rate_limit_policies=(unsaid,)),
        known(
            module_name="wasm-shim v0.4.0",
            dialect=official,
            configure=official.configure(Service(RATE_LIMIT_CLUSTER)),
        ),
    )

    (facts,) = result.compilation.policies
    assert facts.acceptance.reason == "Unsupported"
    assert "wasm-shim v0.4.0" in facts.acceptance.message
    assert list(to_write(result)) == []


def test_what_waits_is_not_deleted() -> None:
    result = decide(
        msgspec.structs.replace(world(limitador(WANTED)), existing=existing()),
        known(module_problem="it answers 503"),
    )

    assert result.gateways[GATEWAY].obsolete == ()


@pytest.mark.row(79)
@pytest.mark.row(163)
def test_another_module_takes_over_once_its_address_is_proven_and_until_then_nothing_changes() -> None:
    decider, there = Decider(), msgspec.structs.replace(world(limitador(WANTED)), existing=existing())
    new = served_module("modules.example", 8082, "1" * 64)

    unproven = decider.decide(there, known(module=new, module_problem="it answers 503"))
    assert list(to_write(unproven)) == []
    assert unproven.gateways[GATEWAY].obsolete == ()

    proven = decider.decide(there, known(module=new))
    (plugin,) = (one for _, one in to_write(proven) if one["kind"] == "WasmPlugin")
    (former,) = (one for one in existing()[GATEWAY] if one["kind"] == "WasmPlugin")
    assert (former["spec"]["sha256"], plugin["spec"]["sha256"]) == ("0" * 64, "1" * 64)
    assert "1" * 64 in plugin["spec"]["url"]
    assert plugin["metadata"]["name"] == former["metadata"]["name"]


def test_without_policies_the_objects_go_and_the_plugin_before_its_cluster() -> None:
    result = decide(
        msgspec.structs.replace(world(limitador(WANTED), rate_limit_policies=()), existing=existing()),
        known(),
    )

    assert [one["kind"] for one in result.gateways[GATEWAY].obsolete] == ["WasmPlugin", "EnvoyFilter"]


def test_the_objects_of_a_gateway_that_is_gone_go() -> None:
    result = decide(
        msgspec.structs.replace(world(limitador(WANTED), gateways=()), existing=existing()), known()
    )

    assert [one["kind"] for one in result.gateways[GATEWAY].obsolete] == ["WasmPlugin", "EnvoyFilter"]


def test_a_gateway_whose_class_is_gone_keeps_what_it_has() -> None:
    """Whose it is is not known; to take its limits away could be a mistake."""
    result = decide(
        msgspec.structs.replace(world(limitador(WANTED), gateway_classes=()), existing=existing()), known()
    )

    assert result.gateways[GATEWAY].obsolete == ()
    assert result.gateways[GATEWAY].wanted.problem == "its GatewayClass istio does not exist"


def test_the_objects_of_a_gateway_that_another_controller_took_over_go() -> None:
    (class_,) = objects().gateway_classes
    spec = msgspec.structs.replace(class_.spec, controller_name="example.com/another")
    taken = msgspec.structs.replace(class_, spec=spec)
    result = decide(
        msgspec.structs.replace(world(limitador(WANTED), gateway_classes=(taken,)), existing=existing()),
        known(),
    )

    assert result.gateways[GATEWAY].provider is None
    assert len(result.gateways[GATEWAY].obsolete) == 2


def test_what_does_not_change_stays_the_same_instance() -> None:
    decider, now = Decider(), known()
    first = decider.decide(world(limitador(WANTED)), now)
    again = decider.decide(world(limitador(WANTED)), now)

    assert again == first
    assert again.gateways[GATEWAY] is first.gateways[GATEWAY]


@pytest.mark.parametrize(
    ("fields", "form"), [({"targetRefs", "url"}, "targetRefs"), ({"selector", "url"}, "selector")]
)
def test_the_form_of_selection_is_one_that_the_cluster_has(fields: set[str], form: str) -> None:
    by_istio = msgspec.structs.replace(
        objects().gateways[0], spec=msgspec.structs.replace(objects().gateways[0].spec, addresses=())
    )
    result = decide(
        world(limitador(WANTED), gateways=(by_istio,)), known(fields={"WasmPlugin": frozenset(fields)})
    )

    (plugin,) = (one for _, one in to_write(result) if one["kind"] == "WasmPlugin")
    assert form in plugin["spec"]


def test_limits_that_nobody_wants_stay_until_they_are_forgotten() -> None:
    former = Limit(namespace="default/former", max_value=1, seconds=1, name="former")
    resource = limitador((*WANTED, former))

    assert decide(world(resource), known()).limits == (*WANTED, former)
    assert decide(world(resource), known(forgotten=frozenset({former.identity}))).limits == WANTED


def test_of_a_limit_that_counts_the_same_the_new_maximum_holds() -> None:
    (limit,) = WANTED
    former = msgspec.structs.replace(limit, max_value=500)

    assert decide(world(limitador((former,))), known()).limits == WANTED


def test_without_a_kuadrant_nothing_is_made() -> None:
    result = decide(world(kuadrants=()), known())

    assert result.limitador.document is None
    assert list(to_write(result)) == []


@pytest.mark.row(94)
def test_the_address_of_the_service_is_what_it_says_itself() -> None:
    assert decision.service_address(limitador(())) == Address("limits.example", 8081)
    assert decision.service_address(Limitador(metadata=limitador(()).metadata)) is None


def test_the_oldest_kuadrant_counts() -> None:
    folder = documents.read(
        [
            (
                "a.yaml",
                (
                    "{apiVersion: kuadrant.io/v1beta1, kind: Kuadrant, metadata: {name: b, creationTimestamp: '2026-01-02T00:00:00Z'}}\n---\n"
                    "{apiVersion: kuadrant.io/v1beta1, kind: Kuadrant, metadata: {name: c, creationTimestamp: '2026-01-01T00:00:00Z'}}\n"
                ),
            )
        ]
    )

    found = decision.oldest(folder.objects.kuadrants)

    assert found is not None
    assert found.metadata.name == "c"
