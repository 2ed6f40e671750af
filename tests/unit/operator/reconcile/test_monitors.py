"""Monitors come and go with the field of the Kuadrant that asks for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kuadrant.operator.core import kinds
from tests.unit.operator.cluster import KUADRANT, Run, enforcing

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATOR = ("servicemonitors", ("kuadrant-system", "kuadrant-operator-monitor"))
SERVICE = ("podmonitors", ("kuadrant-system", "kuadrant-limitador-monitor"))
GATEWAY = ("podmonitors", ("istio-system", "istio-pod-monitor"))
OURS = {OPERATOR, SERVICE, GATEWAY}


def ask(run: Run, spec: Mapping[str, Any]) -> None:
    document = json.loads(json.dumps(run.api.get(kinds.KUADRANTS, KUADRANT)))
    document["spec"] = dict(spec)
    document["metadata"]["generation"] = document["metadata"].get("generation", 0) + 1
    run.api.put(document)


def there(run: Run) -> set[tuple[str, tuple[str, str]]]:
    return {key for key in run.api.documents if key[0] in {"servicemonitors", "podmonitors"}}


async def test_they_are_made_put_back_and_taken_away() -> None:
    async with enforcing() as run:
        assert there(run) == set()
        ask(run, {"observability": {"enable": True}})
        await run.until(lambda: there(run) == OURS)

        run.api.delete(kinds.POD_MONITORS, GATEWAY[1])
        await run.until(lambda: there(run) == OURS)
        await run.quiet()
        run.api.writes.clear()
        run.reconciler.look()
        await run.quiet()
        assert run.api.writes == []

        ask(run, {})
        await run.until(lambda: there(run) == set())


async def test_they_go_with_the_kuadrant_and_nobody_elses_do() -> None:
    async with enforcing() as run:
        theirs = ("kuadrant-system", "theirs")
        labels = {"kuadrant.io/observability": "true"}
        run.api.put(
            {
                "apiVersion": "monitoring.coreos.com/v1",
                "kind": "PodMonitor",
                "metadata": {"namespace": theirs[0], "name": theirs[1], "labels": labels},
                "spec": {},
            }
        )
        ask(run, {"observability": {"enable": True}})
        await run.until(lambda: there(run) == OURS | {("podmonitors", theirs)})
        run.api.delete(kinds.KUADRANTS, KUADRANT)
        await run.until(lambda: there(run) == {("podmonitors", theirs)})


def conditions(run: Run) -> dict[str, tuple[str, str]]:
    status = run.api.get(kinds.KUADRANTS, KUADRANT).get("status", {})
    return {one["type"]: (one["reason"], one["message"]) for one in status.get("conditions", [])}


async def test_what_of_the_kuadrant_is_not_in_effect_is_said_beside_that_it_is_ready() -> None:
    async with enforcing() as run:
        assert [*conditions(run)] == ["Ready"]
        ask(run, {"mtls": {"authorino": True}})
        await run.until(lambda: "kuadrant.io/Warnings" in conditions(run))
        assert conditions(run) == {
            "Ready": ("Ready", "Kuadrant is ready"),
            "kuadrant.io/Warnings": ("NotInEffect", "spec.mtls.authorino: there is no Authorino"),
        }
        ask(run, {})
        await run.until(lambda: [*conditions(run)] == ["Ready"])
