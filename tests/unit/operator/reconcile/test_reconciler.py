"""What is written, when, and what then is not written again; the API server is the least that answers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kuadrant.operator.core import kinds
from kuadrant.operator.core.times import RETENTION_SECONDS
from kuadrant.operator.reconcile.queue_keys import LIMITS, Work
from kuadrant.policy.budgets import DEFAULT
from tests.unit.operator.cluster import LIMITADOR, PLUGIN, POLICY, Run, enforcing, running
from tests.unit.operator.known import module

if TYPE_CHECKING:
    from collections.abc import Callable


async def test_the_limits_are_written_first_and_the_rest_when_they_are_held() -> None:
    async with running() as run:
        await run.until(lambda: "PATCH Limitador" in run.api.writes)
        await run.quiet()
        assert "PATCH WasmPlugin" not in run.api.writes
        condition = run.enforced()
        assert condition is not None
        assert "[Limitador" in condition["message"]

        run.api.hold()
        await run.until(run.is_enforced)
        objects = [write for write in run.api.writes if "status" not in write]
        assert objects == ["PATCH Limitador", "PATCH Kuadrant", "PATCH EnvoyFilter", "PATCH WasmPlugin"]


async def test_when_everything_is_as_it_ought_to_be_nothing_is_written() -> None:
    async with enforcing() as run:
        run.reconciler.look()
        for kind, key in list(run.api.documents):
            run.api.put(run.api.documents[kind, key])
        await run.quiet()

        assert run.api.writes == []


REMEMBERS = {kinds.POLICIES.name: frozenset({"conditions", "lastAccepted"})}


async def test_the_status_carries_the_accepted_form_with_the_same_write() -> None:
    async with running(fields=REMEMBERS) as run:
        await run.until(lambda: ("limitadors", LIMITADOR) in run.api.documents)
        run.api.hold()
        await run.until(lambda: run.is_enforced() and run.is_told() and bool(run.api.events))
        stored = run.api.get(kinds.POLICIES, POLICY)
        assert json.loads(stored["status"]["lastAccepted"]["spec"]) == stored["spec"]
        run.api.writes.clear()

        # At rest nothing is written, and what cannot be carried out is one write, with what stays.
        run.reconciler.look()
        await run.quiet()
        document = json.loads(json.dumps(stored))
        document["spec"]["limits"] = {
            "a": {"rates": [{"limit": 1, "window": "1s"}], "when": [{"predicate": "1/0 == 0"}]}
        }
        document["metadata"]["generation"] = stored["metadata"].get("generation", 0) + 1
        run.api.put(document)
        await run.until(lambda: bool(run.api.writes))
        await run.quiet()

        assert run.api.writes == ["PATCH RateLimitPolicy status"]
        now = run.api.get(kinds.POLICIES, POLICY)["status"]
        assert now["lastAccepted"] == stored["status"]["lastAccepted"]
        (accepted, *_) = now["conditions"]
        assert (accepted["type"], accepted["status"]) == ("Accepted", "False")
        assert (
            "spec.limits.a.when[0].predicate: line 1, column 2: it always fails: divide by zero"
            in accepted["message"]
        )
        assert accepted["message"].endswith("requests are limited as generation 0 of this policy says")


async def test_a_definition_without_the_field_is_not_written_to() -> None:
    async with enforcing() as run:
        assert "lastAccepted" not in run.api.get(kinds.POLICIES, POLICY)["status"]


async def test_a_new_limit_is_two_writes() -> None:
    """The limit, and the status, which is said once.

    That it is not held for a moment is not worth a word or an Event.
    """
    async with enforcing() as run:
        run.edit(7)
        await run.until(lambda: run.maximum() == 7)
        run.api.hold()
        generation = run.api.get(kinds.POLICIES, POLICY)["metadata"]["generation"]

        def observed() -> bool:
            status = run.api.get(kinds.POLICIES, POLICY)["status"]
            return bool(status["observedGeneration"] == generation)

        await run.until(observed)

        assert run.api.writes == ["PATCH Limitador", "PATCH RateLimitPolicy status"]
        assert run.is_enforced()
        assert len(run.api.events) == 1


async def test_limits_are_written_again_when_the_service_has_taken_the_former_ones() -> None:
    """Its word is refused while the resource is another already, and gateways wait for that word."""
    async with enforcing() as run:
        run.edit(7)
        await run.until(lambda: run.maximum() == 7)
        run.edit(8)
        await run.until(lambda: LIMITS in run.resting())
        assert run.maximum() == 7

        run.api.hold()
        await run.until(lambda: run.maximum() == 8)
        assert run.api.writes.count("PATCH Limitador") == 2


async def test_a_service_that_says_nothing_keeps_no_limits_from_being_written() -> None:
    async with enforcing() as run:
        for maximum in (7, 8, 9):
            run.edit(maximum)
            await run.until(lambda: run.maximum() == maximum)  # noqa: B023 - used at once


async def test_what_is_not_held_is_said_if_it_lasts() -> None:
    async with enforcing() as run:
        run.edit(7)
        await run.until(lambda: not run.is_enforced())

        condition = run.enforced()
        assert condition is not None
        assert "[Limitador]" in condition["message"]
        await run.until(lambda: run.api.events[-1]["reason"] == "NotEnforced")


async def test_what_is_deleted_comes_back() -> None:
    async with enforcing() as run:
        before = run.api.get(kinds.OF_PROVIDERS["WasmPlugin"], PLUGIN)["spec"]
        run.api.delete(kinds.OF_PROVIDERS["WasmPlugin"], PLUGIN)
        await run.until(lambda: ("wasmplugins", PLUGIN) in run.api.documents)

        assert run.api.get(kinds.OF_PROVIDERS["WasmPlugin"], PLUGIN)["spec"] == before


async def test_what_is_no_longer_wanted_is_deleted_and_no_longer_told_of() -> None:
    async with enforcing() as run:
        run.api.delete(kinds.POLICIES, POLICY)
        await run.until(lambda: len(run.api.writes) == 3)

        assert sorted(run.api.writes) == ["DELETE EnvoyFilter", "DELETE WasmPlugin", "PATCH HTTPRoute status"]
        assert run.api.writes.index("DELETE WasmPlugin") < run.api.writes.index("DELETE EnvoyFilter")
        assert run.api.get(kinds.HTTP_ROUTES, POLICY)["status"]["parents"] == []


async def test_a_route_tells_what_affects_it_beside_what_its_gateway_s_controller_says() -> None:
    async with enforcing() as run:
        told = run.api.get(kinds.HTTP_ROUTES, POLICY)
        (parent,) = told["status"]["parents"]
        assert parent["controllerName"] == "kuadrant.io/policy-controller"
        assert parent["conditions"][0]["message"] == "Object affected by RateLimitPolicy [default/toystore]"

        theirs = {
            "parentRef": {"name": "istio-ingressgateway"},
            "controllerName": "istio.io/gateway-controller",
        }
        run.api.put({**told, "status": {"parents": [theirs]}})
        await run.until(lambda: "PATCH HTTPRoute status" in run.api.writes)
        first, second = run.api.get(kinds.HTTP_ROUTES, POLICY)["status"]["parents"]
        assert first == theirs
        assert second["conditions"][0]["message"] == parent["conditions"][0]["message"]


async def test_who_undoes_it_again_and_again_is_not_answered_at_full_speed() -> None:
    async with enforcing() as run:
        for _ in range(20):
            told = run.api.get(kinds.HTTP_ROUTES, POLICY)
            run.api.put({**told, "status": {"parents": []}})
            await asyncio.sleep(0.02)

        assert 3 <= len(run.api.writes) <= 5


async def test_an_event_tells_that_a_policy_is_enforced() -> None:
    async with enforcing() as run:
        assert [(one["type"], one["reason"]) for one in run.api.events] == [("Normal", "Enforced")]
        assert run.api.events[0]["regarding"]["name"] == "toystore"


async def test_metrics_tell_what_was_done_and_how_policies_stand() -> None:
    async with enforcing() as run:

        def value(name: str, /, **labels: str) -> float | None:
            return run.metrics.registry.get_sample_value(name, labels)

        assert value("kuadrant_gateways", provider="Istio") == 1
        enforced = {"condition": "Enforced", "status": "True", "reason": "Enforced"}
        assert value("kuadrant_policies", **enforced) == 1
        assert value("controller_runtime_reconcile_total", controller="gateway", result="success") == 1
        assert value("workqueue_depth", name="objects", controller="objects") == 0
        assert (value("kuadrant_compile_seconds_count") or 0) > 1
        assert value("rest_client_requests_total", code="200", method="PATCH", host="api.example") == 7

        kuadrant = {"namespace": "kuadrant-system", "name": "kuadrant"}
        assert value("kuadrant_exists") == value("kuadrant_ready", **kuadrant) == 1
        service = {"component": "limitador", "namespace": "kuadrant-system"}
        assert value("kuadrant_component_ready", **service) == 1
        policy = {"kind": "RateLimitPolicy", "namespace": "default", "name": "toystore"}
        target = {"target_kind": "HTTPRoute", "target_namespace": "default", "target_name": "toystore"}
        assert value("kuadrant_policy_info", **policy, **target) == 1
        enforced = {"type": "Enforced", "status": "True", "reason": "Enforced"}
        assert value("kuadrant_policy_condition", **policy, **enforced) == 1
        assert value("kuadrant_policies_enforced", kind="RateLimitPolicy", status="true") == 1

        assert value("kuadrant_namespace_used", namespace="default", of="rates") == 1
        assert (value("kuadrant_namespace_used", namespace="default", of="bytes") or 0) > 100
        assert value("kuadrant_namespace_budget", of="rates") == DEFAULT.namespace_rates

        run.api.refused.add("wasmplugins")
        run.api.delete(kinds.OF_PROVIDERS["WasmPlugin"], PLUGIN)
        await run.until(
            lambda: bool(value("controller_runtime_reconcile_errors_total", controller="gateway"))
        )
        assert value("workqueue_retries_total", name="objects", controller="objects")


async def test_of_an_edit_that_was_not_decided_on_yet_nothing_is_said() -> None:
    """A status that is due to be written is about the generation from before."""
    async with enforcing() as run:
        run.edit(7)
        generation = run.api.get(kinds.POLICIES, POLICY)["metadata"]["generation"]
        await run.reconciler._perform(Work("policy", POLICY))
        condition = run.enforced()
        assert condition is not None
        assert condition["observedGeneration"] < generation

        await run.until(lambda: run.maximum() == 7)
        run.api.hold()
        await run.until(lambda: (run.enforced() or {}).get("observedGeneration") == generation)
        assert run.is_enforced()


def _rename(run: Run) -> None:
    document = json.loads(json.dumps(run.api.get(kinds.POLICIES, POLICY)))
    (limit,) = document["spec"]["limits"].values()
    document["spec"]["limits"] = {"renamed": limit}
    document["metadata"]["generation"] = document["metadata"].get("generation", 0) + 1
    run.api.put(document)


def _asked(run: Run) -> set[str]:
    """The limits that the gateway asks for by its object."""
    plugin = run.api.get(kinds.OF_PROVIDERS["WasmPlugin"], PLUGIN)["spec"]["pluginConfig"]
    return {
        entry["key"]
        for host in plugin["hosts"]
        for rule in host["rules"]
        for action in rule["actions"]
        for limit in action["limits"]
        for entry in limit["entries"]
    }


def _held(run: Run) -> set[str]:
    """The limits that the rate limit service is to hold."""
    limits = run.api.get(kinds.LIMITADORS, LIMITADOR)["spec"]["limits"]
    return {text.split('"')[1] for limit in limits for text in limit["conditions"]}


@pytest.mark.parametrize("why", ["the module's address is not proven", "the API server refuses the object"])
async def test_a_limit_stays_as_long_as_its_gateway_asks_for_it(why: str) -> None:
    """Without it every request would be admitted."""
    async with enforcing() as run:
        before = _asked(run)
        if why.startswith("the module"):
            run.known = replace(run.known, module=module(problem="its address answers 503"))
        else:
            run.api.refused.add("wasmplugins")
        _rename(run)
        await run.until(lambda: _held(run) > before)
        run.api.hold()
        await run.until(lambda: not run.is_enforced())
        # Long after the limit is held, and after the time for which one that nobody asks for stays.
        await asyncio.sleep(10 * RETENTION_SECONDS)
        assert _asked(run) == before
        assert _held(run) >= before

        run.known = replace(run.known, module=module())
        run.api.refused.clear()
        run.reconciler.look()
        await run.until(lambda: _asked(run).isdisjoint(before))
        await run.until(lambda: _held(run) == _asked(run))


@pytest.mark.parametrize("why", ["the API server refuses that", "somebody has a finalizer there"])
async def test_a_limit_stays_as_long_as_what_asks_for_it_cannot_be_deleted(
    why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it every request would be an error, after the policy is gone."""
    async with enforcing() as run:
        held, delete = _held(run), run.api.delete
        delete(kinds.POLICIES, POLICY)
        if why.startswith("the API server"):
            run.api.refused.add("wasmplugins")
        else:
            monkeypatch.setattr(run.api, "delete", _mark_as_deleted(run))
        await asyncio.sleep(10 * RETENTION_SECONDS)
        assert ("wasmplugins", PLUGIN) in run.api.documents
        assert _held(run) == held
        assert run.api.writes.count("DELETE WasmPlugin") < 20

        run.api.refused.clear()
        monkeypatch.undo()
        delete(kinds.OF_PROVIDERS["WasmPlugin"], PLUGIN)
        await run.until(lambda: not _held(run))


def _mark_as_deleted(run: Run) -> Callable[[Any, tuple[str, str]], None]:
    """Return what deletes as the API server does where there is a finalizer."""

    def mark(kind: Any, key: tuple[str, str]) -> None:
        document = json.loads(json.dumps(run.api.get(kind, key)))
        if "deletionTimestamp" not in document["metadata"]:
            document["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]}
            run.api.put(document)

    return mark


async def test_who_edits_without_end_keeps_nobody_elses_edit_from_its_gateway() -> None:
    """The rate limit service is always one edit behind.

    The hostile limit is never held when it is looked at.
    """
    hostile_route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "hostile", "namespace": "hostile"},
        "spec": {
            "parentRefs": [{"name": "istio-ingressgateway", "namespace": "istio-system"}],
            "hostnames": ["hostile.example"],
            "rules": [{"backendRefs": [{"name": "x", "port": 80}]}],
        },
    }

    def edit(run: Run, number: int) -> None:
        target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "hostile"}
        rates = [{"limit": 5, "window": "10s"}]
        run.api.put(
            {
                "apiVersion": "kuadrant.io/v1",
                "kind": "RateLimitPolicy",
                "metadata": {"name": "hostile", "namespace": "hostile", "generation": number},
                "spec": {"targetRef": target, "limits": {f"l{number}": {"rates": rates}}},
            }
        )

    async with enforcing() as run:
        before = _asked(run)
        run.api.put(hostile_route)
        _rename(run)
        for number in range(1, 200):
            edit(run, number)
            behind = run.api.get(kinds.LIMITADORS, LIMITADOR)
            await run.until(lambda: any(f"l{number}__" in key for key in _held(run)))  # noqa: B023 - used at once
            status = {**behind["status"], "observedGeneration": behind["metadata"]["generation"]}
            run.api.put({**run.api.get(kinds.LIMITADORS, LIMITADOR), "status": status})
            if before.isdisjoint(_asked(run)):
                break

        assert before.isdisjoint(_asked(run))
        assert any("renamed" in key for key in _asked(run))
        await run.until(run.is_enforced)


async def test_a_plugin_of_another_name_stays_until_those_that_come_in_its_place_are_written() -> None:
    """It is all that limits the gateway's requests, whatever the others wait for."""
    kind = kinds.OF_PROVIDERS["WasmPlugin"]
    one_port = (PLUGIN[0], f"{PLUGIN[1]}-port-80")
    async with enforcing() as run:
        former = json.loads(json.dumps(run.api.get(kind, PLUGIN)))
        former["metadata"]["name"] = one_port[1]
        run.known = replace(run.known, module=module(problem="its address answers 503"))
        run.api.put(former)
        run.api.delete(kind, PLUGIN)
        await run.quiet()
        await asyncio.sleep(10 * RETENTION_SECONDS)
        assert ("wasmplugins", one_port) in run.api.documents

        run.known = replace(run.known, module=module())
        run.reconciler.look()
        await run.until(lambda: ("wasmplugins", one_port) not in run.api.documents)
        objects = [write for write in run.api.writes if "WasmPlugin" in write]
        assert objects == ["PATCH WasmPlugin", "DELETE WasmPlugin"]
