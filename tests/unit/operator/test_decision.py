"""What the operator wants to be in the cluster, given what is there."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kuadrant.api import documents
from kuadrant.api.limitador import Limit
from kuadrant.dialects.kuadrant import Service, render
from kuadrant.gateways.envoy import RATE_LIMIT_CLUSTER, Address
from kuadrant.gateways.module import served_module
from kuadrant.operator import decision
from kuadrant.operator.decision import Known, decide
from kuadrant.operator.kinds import Limitador
from kuadrant.operator.world import World

if TYPE_CHECKING:
    from kuadrant.api.objects import Objects

EXAMPLE = Path(__file__).parents[3] / "examples" / "toystore"
KEY = ("kuadrant-system", "limitador")


def objects(*extra: str) -> Objects:
    texts = [(path.name, path.read_text()) for path in sorted(EXAMPLE.glob("*.yaml"))]
    folder = documents.read([*texts, *(("extra.yaml", text) for text in extra)])
    assert not folder.problems
    return folder.objects


def known(**values: Any) -> Known:
    return msgspec.structs.replace(
        Known(
            module=served_module("modules.example", 8082, "0" * 64),
            module_problem="",
            configure=partial(render, service=Service(RATE_LIMIT_CLUSTER)),
        ),
        **values,
    )


def limitador(
    limits: tuple[Limit, ...], *, generation: int = 1, observed: int = 1, ready: str = "True"
) -> Limitador:
    return msgspec.convert(
        {
            "metadata": {"name": KEY[1], "namespace": KEY[0], "generation": generation},
            "spec": {"limits": [msgspec.to_builtins(limit) for limit in limits]},
            "status": {
                "observedGeneration": observed,
                "conditions": [{"type": "Ready", "status": ready}],
                "service": {"host": "limits.example", "ports": {"grpc": 8081, "http": 8080}},
            },
        },
        Limitador,
    )


def world(resource: Limitador | None = None, **values: Any) -> World:
    everything = objects()
    return World(
        objects=msgspec.structs.replace(everything, **values),
        limitadors={} if resource is None else {KEY: resource},
    )


WANTED = decide(world(), known()).limits


def test_the_limits_go_first() -> None:
    """Before the rate limit service holds them, a gateway would ask for limits that are not there."""
    result = decide(world(), known())

    assert result.limitador is not None
    assert [limit["namespace"] for limit in result.limitador["spec"]["limits"]] == ["default/toystore"]
    assert not result.held
    assert list(decision.documents(result)) == []


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param(limitador(()), id="the limits are not written yet"),
        pytest.param(limitador(WANTED, generation=2), id="the service has seen an older generation"),
        pytest.param(limitador(WANTED, ready="False"), id="the service is not ready"),
    ],
)
def test_the_objects_of_a_gateway_wait_for_the_limits(resource: Limitador) -> None:
    result = decide(world(resource), known())

    assert result.waiting == {"istio-system/istio-ingressgateway"}
    assert list(decision.documents(result)) == []


def test_the_objects_of_a_gateway_wait_for_the_module() -> None:
    result = decide(world(limitador(WANTED)), known(module_problem="it answers 503"))

    assert result.held
    assert list(decision.documents(result)) == []


def test_with_limits_held_and_module_proven_the_objects_are_written() -> None:
    result = decide(world(limitador(WANTED)), known())

    assert [
        (gateway, one["kind"], one["metadata"]["name"]) for gateway, one in decision.documents(result)
    ] == [
        (
            "istio-system/istio-ingressgateway",
            "EnvoyFilter",
            "kuadrant-ratelimiting-cluster-istio-ingressgateway",
        ),
        ("istio-system/istio-ingressgateway", "WasmPlugin", "kuadrant-istio-ingressgateway"),
    ]


def test_what_waits_is_not_deleted() -> None:
    there = decide(world(limitador(WANTED)), known())
    existing = tuple(
        one | {"metadata": one["metadata"] | {"uid": "1"}} for _, one in decision.documents(there)
    )

    result = decide(
        msgspec.structs.replace(world(limitador(WANTED)), existing=existing),
        known(module_problem="it answers 503"),
    )

    assert result.obsolete == ()


def test_limits_that_nobody_wants_stay_until_they_are_forgotten() -> None:
    former = Limit(namespace="default/former", max_value=1, seconds=1, name="former")
    resource = limitador((*WANTED, former))

    assert decide(world(resource), known()).limits == (*WANTED, former)
    assert decide(world(resource), known(forgotten=frozenset({former.identity}))).limits == WANTED


def test_of_a_limit_that_counts_the_same_the_new_maximum_holds() -> None:
    (limit,) = WANTED
    former = msgspec.structs.replace(limit, max_value=500)

    assert decide(world(limitador((former,))), known()).limits == WANTED


def test_without_a_kuadrant_nothing_is_made_and_policies_say_so() -> None:
    result = decide(world(kuadrants=()), known())

    assert result.limitador is None
    assert list(decision.documents(result)) == []
    (status,) = decision.policy_statuses(result, known(), {})
    assert [(one.type, one.status, one.reason) for one in status.conditions] == [
        ("Accepted", "True", "Accepted"),
        ("Enforced", "False", "MissingResource"),
    ]


def test_enforced_names_what_is_missing() -> None:
    def message(resource: Limitador | None, problem: str = "") -> str:
        now = known(module_problem=problem)
        (status,) = decision.policy_statuses(decide(world(resource), now), now, {})
        return status.conditions[1].message

    assert "[Limitador WasmPlugin (istio-system/istio-ingressgateway)]" in message(None)
    assert "[wasm-shim WasmPlugin (istio-system/istio-ingressgateway)]" in message(limitador(WANTED), "503")
    assert message(limitador(WANTED)) == "RateLimitPolicy has been successfully enforced"


def test_what_the_api_server_refuses_is_in_the_status() -> None:
    result = decide(world(limitador(WANTED)), known())

    (status,) = decision.policy_statuses(
        result, known(), {"istio-system/istio-ingressgateway": "WasmPlugin a/b: no"}
    )

    assert status.conditions[1].status == "False"
    assert "WasmPlugin a/b: no" in status.conditions[1].message


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
