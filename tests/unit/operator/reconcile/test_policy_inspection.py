"""What `kuadrant check` finds in policies, routes considered, is told in conditions, Events and metrics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kuadrant.operator.core import kinds
from kuadrant.operator.core.decider import Decider
from kuadrant.operator.core.times import INSPECTION_REST
from kuadrant.operator.reconcile import policy_inspection
from kuadrant.operator.reconcile.policy_inspection import PolicyInspection
from kuadrant.status import WARNINGS
from tests.unit.operator.cluster import POLICY, Run, enforcing, running
from tests.unit.operator.example import world
from tests.unit.operator.known import known

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from kuadrant.policy.model import Problem

NEVER = "spec.limits.create-toy.when[0].value (never-applies): holds for no request that comes here"


def edit(run: Run, kind: Any, change: Callable[[dict[str, Any]], None]) -> None:
    """Edit the spec of the example's policy or route, which have one name."""
    document = json.loads(json.dumps(run.api.get(kind, POLICY)))
    change(document["spec"])
    document["metadata"]["generation"] = document["metadata"].get("generation", 0) + 1
    run.api.put(document)


def only_deletions(spec: dict[str, Any]) -> None:
    """Have the limit be for a method that no rule of the route matches."""
    spec["limits"]["create-toy"]["when"] = [
        {"selector": "request.method", "operator": "eq", "value": "DELETE"}
    ]


def told(run: Run) -> str:
    conditions = run.api.get(kinds.POLICIES, POLICY)["status"]["conditions"]
    return next((one["message"] for one in conditions if one["type"] == WARNINGS), "")


def events(run: Run) -> list[dict[str, Any]]:
    return [one for one in run.api.events if one["reason"] == "Warned"]


def counted(run: Run) -> float | None:
    labels = {"code": "never-applies", "severity": "warning"}
    return run.metrics.registry.get_sample_value("kuadrant_policy_findings", labels)


async def test_what_routes_tell_of_a_policy_is_said_once_counted_and_goes() -> None:
    async with enforcing() as run:
        assert (told(run), counted(run), events(run)) == ("", None, [])

        edit(run, kinds.POLICIES, only_deletions)
        await run.until(lambda: bool(told(run)) and bool(events(run)))
        (event,) = events(run)
        assert told(run).startswith(NEVER)
        assert event["note"] == told(run)
        assert (event["type"], event["action"]) == ("Warning", "Check")
        assert event["regarding"]["name"] == POLICY[1]
        assert counted(run) == 1

        # The same is said of the next form of the policy, and by no Event.
        edit(run, kinds.POLICIES, lambda spec: spec["limits"]["create-toy"]["rates"][0].update(limit=7))
        await run.quiet()
        assert told(run).startswith(NEVER)
        assert len(events(run)) == 1

        # The route alone decides that it is no longer so.
        edit(run, kinds.HTTP_ROUTES, lambda spec: spec["rules"][1]["matches"].append({"method": "DELETE"}))
        await run.until(lambda: not told(run))
        assert counted(run) is None


async def test_at_rest_policies_are_not_looked_at_again() -> None:
    async with enforcing() as run:
        found = run.reconciler._policies._inspection.found
        await run.quiet()
        run.reconciler.look()
        await run.quiet()
        assert run.reconciler._policies._inspection._next is None
        assert run.reconciler._policies._inspection.found is found


async def test_who_edits_without_end_has_policies_looked_at_with_long_rests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, looked_at = 0.0, []

    def look(*_: Any) -> dict[str, tuple[Problem, ...]]:
        nonlocal now
        looked_at.append(now)
        now += 0.5
        return {}

    monkeypatch.setattr(policy_inspection, "suspicious_by_routes", look)
    async with running() as run:
        context = run.reconciler._context
        clock = replace(context.clock, seconds=lambda: now)
        inspection = PolicyInspection(replace(context, clock=clock), lambda: None)
        rests: list[float] = []
        monkeypatch.setattr(context.queues.statuses, "add_after", lambda _, seconds: rests.append(seconds))
        decision = Decider().decide(world(), known())
        inspection.mark(world(), decision)
        await inspection.inspect()
        inspection.mark(world(), Decider().decide(world(), known()))

    assert looked_at == [0.0]
    assert rests[-2:] == [0.0, 0.5 * INSPECTION_REST]
