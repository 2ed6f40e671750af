"""What is made of Envoy Gateway's words for an EnvoyExtensionPolicy.

The messages are those of version 1.9.1.
"""

from __future__ import annotations

from typing import Any

import pytest

from kuadrant.gateways.envoy_gateway import ancestor_status as report
from kuadrant.gateways.envoy_gateway.ancestor_status import is_programmed, module_failed, unpatched
from kuadrant.gateways.provider import ObjectVerdict

FAILED = (
    "Wasm: wasm module download failed after 5 attempts, last error: wasm module download request "
    "failed: status code 503."
)
GIVEN_UP = "Wasm: failed to get Wasm module http://module.example:8082/kuadrant-wasm-shim after 10 attempts."
CONFLICT = "Unable to target Gateway gw, another EnvoyExtensionPolicy has already attached to it"
OVERRIDDEN = (
    "This policy is being overridden by other envoyExtensionPolicies for these routes: [default/toystore]"
)
MERGED = "This policy is being merged by other envoyExtensionPolicies for these routes: [default/toystore]"


def _condition(type_: str, status: str, message: str = "", generation: int = 2) -> dict[str, Any]:
    return {"type": type_, "status": status, "message": message, "observedGeneration": generation}


def _policy(*ancestors: list[dict[str, Any]], kind: str = "EnvoyExtensionPolicy", targets: int = 1) -> Any:
    return {
        "kind": kind,
        "metadata": {"name": "kuadrant-gw", "namespace": "ns", "generation": 2},
        "spec": {"targetRefs": [{}] * targets},
        "status": {"ancestors": [{"conditions": conditions} for conditions in ancestors]},
    }


ACCEPTED = _condition("Accepted", "True")


def standing(document: Any, *others: Any) -> ObjectVerdict:
    return report.standing(document, others)


def test_nothing_is_known_before_the_first_word() -> None:
    untold = _policy()
    del untold["status"]
    assert standing(untold) == standing(_policy()) == ObjectVerdict()


def test_what_was_said_of_a_former_version_does_not_count() -> None:
    assert standing(_policy([_condition("Accepted", "True", generation=1)])) == ObjectVerdict()
    former = _policy([_condition("Accepted", "False", FAILED, generation=1)])
    assert standing(former) == ObjectVerdict()
    assert not module_failed(former)


def test_every_target_has_to_be_accepted() -> None:
    assert standing(_policy([ACCEPTED])) == ObjectVerdict(accepted=True)
    assert standing(_policy([ACCEPTED], targets=2)) == ObjectVerdict()
    assert standing(_policy([ACCEPTED], [ACCEPTED], targets=2)) == ObjectVerdict(accepted=True)


@pytest.mark.parametrize("message", [FAILED, GIVEN_UP, CONFLICT])
def test_a_refusal_is_told_in_its_own_words(message: str) -> None:
    refused = _policy([ACCEPTED], [_condition("Accepted", "False", message)], targets=2)
    assert standing(refused) == ObjectVerdict(refused=f"EnvoyExtensionPolicy ns/kuadrant-gw: {message}")


def test_an_accepted_policy_that_another_one_overrides_is_none() -> None:
    overridden = _policy([ACCEPTED, _condition("Overridden", "True", OVERRIDDEN)])
    assert standing(overridden) == ObjectVerdict(refused=f"EnvoyExtensionPolicy ns/kuadrant-gw: {OVERRIDDEN}")
    assert standing(_policy([ACCEPTED, _condition("Overridden", "False")])).accepted


def _theirs(namespace: str = "default", **spec: Any) -> Any:
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "toystore"}
    spec = {"mergeType": "StrategicMerge", "targetRefs": [target], **spec}
    return {
        "kind": "EnvoyExtensionPolicy",
        "metadata": {"name": "theirs", "namespace": namespace},
        "spec": spec,
    }


@pytest.mark.parametrize(
    ("theirs", "accepted"),
    [
        (_theirs(lua=[{}]), True),
        (_theirs(wasm=[{}]), False),
        (_theirs(wasm=[{}], targetRefs=None, targetSelectors=[{}]), False),
        (_theirs("elsewhere", wasm=[{}]), True),
    ],
    ids=["other filters", "a module", "a module for whom it may be", "a module for another route"],
)
def test_a_policy_that_is_merged_counts_unless_its_modules_take_the_place_of_ours(
    theirs: Any, accepted: bool
) -> None:
    merged = _policy([ACCEPTED, _condition("Merged", "True", MERGED)])
    assert standing(merged, theirs).accepted is accepted
    assert MERGED in standing(merged, theirs).refused or accepted


@pytest.mark.parametrize(
    ("message", "failed"),
    [(FAILED, True), (GIVEN_UP, True), (CONFLICT, False), ("Lua: no wasm here.", False)],
)
def test_a_module_that_could_not_be_fetched_is_told_from_other_refusals(message: str, failed: bool) -> None:
    assert module_failed(_policy([_condition("Accepted", "False", message)])) is failed


def test_a_policy_is_enforced_without_its_patch() -> None:
    disabled = "EnvoyPatchPolicy is disabled in the EnvoyGateway configuration"
    assert standing(_policy([_condition("Accepted", "False", disabled)], kind="EnvoyPatchPolicy")).accepted


def _patches(*conditions: dict[str, Any], name: str = "kuadrant-push-gw", **ancestor: Any) -> Any:
    """One by which a gateway asks us."""
    reference = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "name": "gw",
        "controller": True,
    }
    labels = {"kuadrant.io/wasm-delivery": "push"}
    metadata = {"name": name, "namespace": "ns", "generation": 2, "labels": labels}
    return {
        "kind": "EnvoyPatchPolicy",
        "metadata": {**metadata, "ownerReferences": [reference]},
        "status": {"ancestors": [{**ancestor, "conditions": conditions}]},
    }


NOT_FOUND = {
    **_condition("Programmed", "False", "Unable to find xds resources: Listener/ns/gw/https-quic"),
    "reason": "ResourceNotFound",
}
PROGRAMMED = _condition("Programmed", "True")


def test_a_gateway_asks_when_every_patch_is_said_to_be_carried_out() -> None:
    assert standing(_patches()) == standing(_patches(ACCEPTED)) == ObjectVerdict()
    assert standing(_patches(ACCEPTED, PROGRAMMED)) == ObjectVerdict(accepted=True)
    assert standing(_patches(ACCEPTED, _condition("Programmed", "True", generation=1))) == ObjectVerdict()
    refused = standing(_patches(ACCEPTED, NOT_FOUND))
    assert refused == ObjectVerdict(refused=f"EnvoyPatchPolicy ns/kuadrant-push-gw: {NOT_FOUND['message']}")


def test_a_port_need_not_speak_http3_but_what_fails_there_otherwise_counts() -> None:
    name = "kuadrant-push-gw-http3"
    assert standing(_patches(ACCEPTED, NOT_FOUND, name=name)) == ObjectVerdict(accepted=True)
    invalid = {**NOT_FOUND, "reason": "Invalid"}
    assert standing(_patches(ACCEPTED, invalid, name=name)).refused


def test_what_is_said_of_a_class_does_not_count_beside_what_is_said_of_the_gateway() -> None:
    """A class that merges its gateways has Envoy Gateway say of every policy whether that class exists."""
    said = {
        "reason": "Invalid",
        **_condition("Accepted", "False", "TargetRef.Name:gw not found (MergeGateways=true)."),
    }
    merged = _patches(said, ancestorRef={"kind": "GatewayClass", "name": "gw"})
    assert said["message"] in standing(merged).refused
    assert unpatched(merged) == said["message"]
    of_gateway = {"ancestorRef": {"kind": "Gateway", "name": "gw"}, "conditions": [ACCEPTED, PROGRAMMED]}
    merged["status"]["ancestors"].append(of_gateway)
    assert standing(merged) == ObjectVerdict(accepted=True)
    assert is_programmed(merged)
    assert unpatched(merged) == ""


@pytest.mark.parametrize(
    ("conditions", "programmed"),
    [
        ([], False),
        ([ACCEPTED], False),
        ([_condition("Accepted", "False")], False),
        ([ACCEPTED, _condition("Programmed", "False")], False),
        ([ACCEPTED, _condition("Programmed", "True")], True),
        (
            [_condition("Accepted", "True", generation=1), _condition("Programmed", "True", generation=1)],
            True,
        ),
    ],
)
def test_a_cluster_is_there_once_it_was_programmed(
    conditions: list[dict[str, Any]], programmed: bool
) -> None:
    assert is_programmed(_policy(conditions, kind="EnvoyPatchPolicy")) is programmed
