"""What the operator wants to be in the cluster, given what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from kuadrant.api import documents
from kuadrant.api.caller_token import ANNOTATION, HEADER, shown
from kuadrant.api.limitador import Limit, Limitador
from kuadrant.api.meta import ObjectMeta
from kuadrant.dialects import DIALECTS, Service
from kuadrant.gateways.envoy import RATE_LIMIT_CLUSTER, Address
from kuadrant.gateways.module_address import served_module
from kuadrant.gateways.provider import Rendering
from kuadrant.operator.core import installation
from kuadrant.operator.core.decider import Decider
from kuadrant.operator.core.gateway_tokens import Keys
from kuadrant.operator.modules.module_rollout import offer
from kuadrant.policy.oldest_kuadrant import oldest
from kuadrant.settings import OperatorSettings
from kuadrant.wasm.module import Module
from tests.unit.operator.example import GATEWAY, WANTED, decide, limitador, objects, world
from tests.unit.operator.known import known, module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.known_facts import Known
    from kuadrant.operator.core.world import World


def to_write(decided: Decision) -> Iterator[tuple[Key, dict[str, Any]]]:
    """The objects that may be written now, each with the gateway it is for."""
    return ((key, document) for key, one in decided.gateways.items() for document in one.objects)


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
    decider = Decider()
    decider.decide(world(limitador(WANTED)), known())

    assert decider.decide(world(limitador(WANTED, generation=2)), known()).gateways[GATEWAY].awaited == ()
    broken = limitador(WANTED, generation=2, ready="False")
    assert not decider.decide(world(broken), known()).gateways[GATEWAY].is_service_ready


def test_a_limit_that_is_held_with_another_value_keeps_nothing_from_being_written() -> None:
    """It limits. That it is not the wanted one yet is said, and does not delay what else the edit changed."""
    former = tuple(msgspec.structs.replace(limit, max_value=limit.max_value + 1) for limit in WANTED)

    edited = decide(world(limitador(former)), known()).gateways[GATEWAY]
    assert (edited.awaited, edited.unheld) == ((), frozenset({"default/toystore"}))
    done = decide(world(limitador(WANTED)), known()).gateways[GATEWAY]
    assert (done.awaited, done.unheld) == ((), frozenset())
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
    result = decide(world(limitador(WANTED)), known(module=module(problem="it answers 503")))

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
        known(
            module=module(
                dialect=official, rendering=Rendering(official.configure(Service(RATE_LIMIT_CLUSTER)))
            )
        ),
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
            module=module(
                name="wasm-shim v0.4.0",
                dialect=official,
                rendering=Rendering(official.configure(Service(RATE_LIMIT_CLUSTER))),
            )
        ),
    )

    (facts,) = result.compilation.policies
    assert facts.acceptance.reason == "Unsupported"
    assert "wasm-shim v0.4.0" in facts.acceptance.message
    assert list(to_write(result)) == []


def test_what_waits_is_not_deleted() -> None:
    result = decide(
        msgspec.structs.replace(world(limitador(WANTED)), existing=existing()),
        known(module=module(problem="it answers 503")),
    )

    assert result.gateways[GATEWAY].obsolete == ()


@pytest.mark.row(79)
@pytest.mark.row(163)
def test_another_module_takes_over_once_its_address_is_proven_and_until_then_nothing_changes() -> None:
    decider, there = Decider(), msgspec.structs.replace(world(limitador(WANTED)), existing=existing())
    new = served_module("modules.example", 8082, "1" * 64)

    unproven = decider.decide(there, known(module=module(address=new, problem="it answers 503")))
    assert list(to_write(unproven)) == []
    assert unproven.gateways[GATEWAY].obsolete == ()

    proven = decider.decide(there, known(module=module(address=new)))
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


def test_limits_that_nobody_wants_stay_as_long_as_a_gateway_may_ask_for_them() -> None:
    former = Limit(namespace="default/former", max_value=1, seconds=1, name="former")
    resource = limitador((*WANTED, former))

    assert decide(world(resource), known()).limits == (*WANTED, former)
    assert decide(world(resource), known(retained=frozenset({former.identity}))).limits == (*WANTED, former)
    assert decide(world(resource), known(retained=frozenset())).limits == WANTED


def test_what_a_gateway_is_told_after_a_restart_is_held_although_it_is_edited_by_then() -> None:
    """First so that it comes at all, and then, because nothing else keeps it yet."""
    (policy,) = objects().rate_limit_policies
    (limit,) = (policy.spec.limits or {}).values()
    edited = {"rate_limit_policies": (replace(policy, spec=replace(policy.spec, limits={"other": limit})),)}
    decider = Decider()
    none_held, held = limitador(()), limitador(WANTED, generation=2, observed=2)
    decider.decide(replace(world(none_held), existing=existing()), known(retained=frozenset()))

    def after_the_edit(resource: Limitador) -> Decision:
        there = replace(world(resource, **edited), existing=existing())
        return decider.decide(there, known(retained=frozenset()))

    assert {*WANTED} < {*after_the_edit(none_held).limits}
    told = after_the_edit(held)
    assert told.gateways[GATEWAY].awaited == ()
    assert {*WANTED} < {*told.limits}


def test_a_gateway_is_told_to_ask_for_the_first_time_when_everybody_knows_where() -> None:
    """Its first requests would be answered with errors (issue F, 6)."""
    asked = known(can_be_asked=False)

    assert decide(world(limitador(WANTED)), asked).gateways[GATEWAY].awaited == ("Limitador",)
    told = msgspec.structs.replace(world(limitador(WANTED)), existing=existing())
    assert decide(told, asked).gateways[GATEWAY].awaited == ()


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
    assert installation.service_address(limitador(())) == Address("limits.example", 8081)
    assert installation.service_address(Limitador(metadata=limitador(()).metadata)) is None


def test_the_oldest_kuadrant_counts() -> None:
    folder = documents.read(
        [
            (
                "a.yaml",
                (
                    "{apiVersion: kuadrant.io/v1beta1, kind: Kuadrant, metadata: {name: b, "
                    "creationTimestamp: '2026-01-02T00:00:00Z'}}\n---\n"
                    "{apiVersion: kuadrant.io/v1beta1, kind: Kuadrant, metadata: {name: c, "
                    "creationTimestamp: '2026-01-01T00:00:00Z'}}\n"
                ),
            )
        ]
    )

    found = oldest(folder.objects.kuadrants)

    assert found is not None
    assert found.metadata.name == "c"


# What gateways show the rate limit service

KEYS = Keys((b"1" * 32,))


def shown_by(decided: Decision) -> set[str]:
    """What the gateways' objects have them show."""
    plugins = (
        one
        for gateway in decided.gateways.values()
        for one in gateway.wanted.objects
        if one["kind"] == "WasmPlugin"
    )
    services = (one["spec"]["pluginConfig"]["services"]["ratelimit"] for one in plugins)
    return {service.get("metadata", {}).get(HEADER, "") for service in services}


def proving(**values: Any) -> Known:
    offered = offer(
        Module("shim", b"x", version="1", dialects=("kuadrant-v3",)), OperatorSettings(namespace="ns")
    )
    facts = module(dialect=offered.dialect, rendering=offered.rendering, prove=offered.prove)
    return known(module=facts, **values)


def marked_with(mark: str) -> World:
    resource = limitador(WANTED)
    metadata = msgspec.structs.replace(resource.metadata, annotations={ANNOTATION: mark} if mark else {})
    return world(msgspec.structs.replace(resource, metadata=metadata))


def mark_of(decided: Decision) -> str:
    assert decided.limitador.document is not None
    annotations = decided.limitador.document["metadata"].get("annotations", {})
    mark: str = annotations.get(ANNOTATION, "")
    return mark


def test_each_gateway_has_a_token_of_its_own() -> None:
    decided = decide(world(limitador(WANTED)), proving(keys=KEYS))
    assert shown_by(decided) == {shown(KEYS.held, "/".join(GATEWAY))}
    assert [key for key, _ in to_write(decided)]
    assert shown_by(decide(world(limitador(WANTED)), known(keys=KEYS))) == {""}
    assert shown_by(decide(world(limitador(WANTED)), proving(keys=Keys()))) == {""}


def test_what_a_gateway_shows_is_no_other_instance_as_long_as_nothing_changes() -> None:
    decider, seen, facts = Decider(), world(limitador(WANTED)), proving(keys=KEYS)
    first = decider.decide(seen, facts)
    assert decider.decide(seen, facts).gateways[GATEWAY] is first.gateways[GATEWAY]
    again = decider.decide(seen, msgspec.structs.replace(facts, keys=Keys((b"2" * 32,))))
    assert shown_by(again) != shown_by(first)


def test_before_it_is_known_whether_there_is_a_key_gateways_are_told_nothing_and_the_mark_stays() -> None:
    decided = decide(marked_with("x"), proving(keys=None, mark=None))
    assert list(to_write(decided)) == []
    assert mark_of(decided) == "x"


@pytest.mark.parametrize("facts", [known(keys=KEYS), proving(keys=Keys())], ids=["no dialect", "no key"])
def test_a_gateway_is_told_of_no_configuration_without_a_token_while_such_are_refused(facts: Known) -> None:
    decided = decide(marked_with("x"), facts)
    assert mark_of(decided) == ""
    assert list(to_write(decided)) == []
    assert list(to_write(decide(marked_with(""), facts)))


def test_the_mark_that_is_decided_is_written() -> None:
    assert mark_of(decide(marked_with(""), proving(keys=KEYS, mark="x"))) == "x"
    assert decide(marked_with("y"), proving(keys=KEYS)).mark == "y"
