"""A Kuadrant that is deleted goes last: first gateways ask for nothing any more, then the service may."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from kuadrant.api.kuadrant import FINALIZER
from kuadrant.gateways import istio
from kuadrant.operator.core import kinds
from kuadrant.operator.core.ending import in_the_way
from tests.unit.operator.cluster import KUADRANT, LIMITADOR, PLUGIN, POLICY, Run, enforcing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CLUSTER = ("istio-system", "kuadrant-ratelimiting-cluster-istio-ingressgateway")


def delete(run: Run, **more: Any) -> None:
    """Delete the Kuadrant, as a person does: it stays for its finalizers."""
    document = json.loads(json.dumps(run.api.get(kinds.KUADRANTS, KUADRANT)))
    document["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", **more}
    run.api.put(document)


def is_there(run: Run, plural: str, key: tuple[str, str]) -> bool:
    return (plural, key) in run.api.documents


def ready(run: Run) -> tuple[str, str]:
    (condition,) = run.api.get(kinds.KUADRANTS, KUADRANT)["status"]["conditions"]
    return condition["reason"], condition["message"]


@asynccontextmanager
async def deleted() -> AsyncIterator[Run]:
    async with enforcing() as run:
        await run.until(lambda: "finalizers" in run.api.get(kinds.KUADRANTS, KUADRANT)["metadata"])
        delete(run)
        yield run


async def test_the_one_that_counts_has_our_finalizer() -> None:
    async with enforcing() as run:
        assert run.api.get(kinds.KUADRANTS, KUADRANT)["metadata"]["finalizers"] == [FINALIZER]


async def test_gateways_are_told_of_nothing_any_more_before_it_goes() -> None:
    async with deleted() as run:
        await run.until(lambda: not is_there(run, "kuadrants", KUADRANT))

        assert not is_there(run, "wasmplugins", PLUGIN)
        assert not is_there(run, "envoyfilters", CLUSTER)
        # What it owns goes with it, by the API server: until then its limits are held.
        assert is_there(run, "limitadors", LIMITADOR)
        order = [write for write in run.api.writes if write.startswith("DELETE") or write == "PATCH Kuadrant"]
        assert order == ["DELETE WasmPlugin", "DELETE EnvoyFilter", "PATCH Kuadrant"]
        assert "PATCH Limitador" not in run.api.writes


async def test_connections_to_a_former_listener_can_ask_as_long_as_they_last() -> None:
    async with deleted() as run:
        await run.until(lambda: not is_there(run, "wasmplugins", PLUGIN))
        plugin_gone = run.reconciler._context.clock.seconds()
        await run.until(lambda: not is_there(run, "envoyfilters", CLUSTER))
        assert run.reconciler._context.clock.seconds() - plugin_gone >= istio.LINGER - 0.5


async def test_it_says_what_is_in_the_way() -> None:
    async with deleted() as run:
        await run.until(lambda: ready(run)[0] == "Deleting" and "WasmPlugin" not in ready(run)[1])
        assert ready(run)[1] == f"limiting ends; gateways are still told by EnvoyFilter {'/'.join(CLUSTER)}"


async def test_its_policies_say_at_once_that_nothing_enforces_them() -> None:
    async with deleted() as run:
        await run.until(lambda: not run.is_enforced())
        enforced = run.enforced()
        assert enforced is not None
        assert (enforced["status"], enforced["reason"]) == ("False", "MissingResource")
        assert is_there(run, "ratelimitpolicies", POLICY)


async def test_routes_and_gateways_say_nothing_of_policies_when_it_has_gone() -> None:
    async with deleted() as run:
        await run.until(lambda: not is_there(run, "kuadrants", KUADRANT))
        for kind, key in (
            (kinds.HTTP_ROUTES, POLICY),
            (kinds.GATEWAYS, ("istio-system", "istio-ingressgateway")),
        ):
            assert "RateLimitPolicyAffected" not in json.dumps(run.api.get(kind, key).get("status", {}))


async def test_what_nobody_knows_the_class_of_is_taken_away_as_well() -> None:
    async with enforcing() as run:
        run.api.delete(kinds.GATEWAY_CLASSES, ("", "istio"))
        delete(run)
        await run.until(lambda: not is_there(run, "kuadrants", KUADRANT))
        assert not is_there(run, "wasmplugins", PLUGIN)


async def test_as_long_as_an_object_cannot_be_deleted_it_stays_and_says_why() -> None:
    async with enforcing() as run:
        run.api.refused.add("wasmplugins")
        delete(run)
        await run.until(lambda: ready(run)[0] == "Deleting")
        assert f"WasmPlugin {'/'.join(PLUGIN)}" in ready(run)[1]
        run.api.refused.clear()
        await run.until(lambda: not is_there(run, "kuadrants", KUADRANT))


async def test_while_no_control_plane_runs_gateways_go_on_asking_and_it_stays() -> None:
    async with enforcing() as run:
        run.works_since = None
        delete(run)
        await run.until(lambda: not is_there(run, "envoyfilters", CLUSTER))
        await run.until(lambda: "no control plane runs" in ready(run)[1])
        assert ready(run)[1].endswith(": istio-system/istio-ingressgateway")

        run.works_since = 0.0
        run.reconciler.look()
        await run.until(lambda: not is_there(run, "kuadrants", KUADRANT))


async def test_where_another_one_counts_it_goes_when_gateways_ask_the_service_of_that() -> None:
    async with enforcing() as run:
        other = json.loads(json.dumps(run.api.get(kinds.KUADRANTS, KUADRANT)))
        other["metadata"] = {"name": "kuadrant", "namespace": "other", "uid": "2"}
        run.api.put(other)
        delete(run)
        await run.until(lambda: is_there(run, "limitadors", ("other", "limitador")))
        assert is_there(run, "kuadrants", KUADRANT)
        assert is_there(run, "wasmplugins", PLUGIN)

        document = run.api.get(kinds.LIMITADORS, ("other", "limitador"))
        run.api.put({**document, "status": run.api.get(kinds.LIMITADORS, LIMITADOR)["status"]})
        await run.until(lambda: not is_there(run, "kuadrants", KUADRANT))
        assert is_there(run, "wasmplugins", PLUGIN)


async def test_one_that_somebody_lets_go_by_hand_is_not_made_anew() -> None:
    """Its UID is the condition under which anything is written to it."""
    async with enforcing() as run:
        desired = run.reconciler._kuadrant.end._wanted[KUADRANT]
        assert desired.content["metadata"]["uid"] == "1"


@pytest.mark.parametrize(("count", "words"), [(0, ""), (2, "o0, o1"), (7, "o0, o1, o2, o3, o4, and 2 more")])
def test_not_all_of_many_objects_are_named(count: int, words: str) -> None:
    assert in_the_way(tuple(f"o{number}" for number in range(count))) == words
