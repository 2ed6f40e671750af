"""Says in the Kuadrant's status whether everything is there that policies need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kuadrant.api.meta import Condition
from kuadrant.gateways.limitador import NAME
from kuadrant.gateways.providers import PROVIDERS
from kuadrant.operator.core.fields_not_in_effect import not_in_effect
from kuadrant.operator.core.installation import is_ready
from kuadrant.operator.core.kinds import GATEWAYS
from kuadrant.policy.oldest_kuadrant import oldest
from kuadrant.status import WARNINGS, Installation, kuadrant_condition, merged_conditions

if TYPE_CHECKING:
    from kuadrant.api.limitador import Limitador
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.known_facts import Known
    from kuadrant.operator.core.world import World


def missing_dependencies(world: World) -> tuple[str, ...]:
    """Return what no policy can be in effect without and the cluster does not have."""
    has_provider = any(all(kind.name in world.served for kind in one.KINDS) for one in PROVIDERS)
    return (
        *(() if GATEWAYS.name in world.served else ("Gateway API",)),
        *(() if has_provider else ("Gateway API provider (istio / envoy gateway)",)),
    )


def kuadrant_conditions(
    world: World, decision: Decision, failure: str, known: Known
) -> tuple[Condition, ...]:
    """Return the conditions of the Kuadrant: `kuadrant_status`, and what of its spec is not in effect."""
    ready = kuadrant_status(world, decision, failure)
    kuadrant = oldest(world.objects.kuadrants)
    resource = None if kuadrant is None else world.limitadors.get((kuadrant.metadata.namespace, NAME))
    reads = () if resource is None else resource.status.reads
    missed = () if kuadrant is None else not_in_effect(kuadrant, known, reads=reads, served=world.served)
    if not missed:
        return (ready,)
    message = "; ".join(missed)
    return (ready, Condition(type=WARNINGS, status="True", reason="NotInEffect", message=message))


def kuadrant_status(world: World, decision: Decision, failure: str) -> Condition:
    """Return the condition of the Kuadrant.

    Args:
        world: what there is.
        decision: what there has to be.
        failure: why something could not be written; empty if all could.
    """
    kuadrant = oldest(world.objects.kuadrants)
    resource = None if kuadrant is None else world.limitadors.get((kuadrant.metadata.namespace, NAME))
    if resource is None:
        service = "limitador resource not in topology"
    elif not is_ready(resource):
        service = f"the rate limit service has not taken the limits yet{_its_word(resource)}"
    else:
        service = ""
    return kuadrant_condition(
        Installation(
            missing=missing_dependencies(world),
            distrust=decision.module.distrust,
            limitador=service,
            failure=failure or decision.limitador.problem or decision.module.pending,
        )
    )


def _its_word(resource: Limitador) -> str:
    """Return what the service says of a resource that it could not take; empty if it says nothing of it."""
    for one in resource.status.conditions:
        about = one.get("observedGeneration")
        if (one.get("type"), one.get("status"), about) == ("Ready", "False", resource.metadata.generation):
            return f": {one.get('message', '')!s:.1000}"
    return ""


def kuadrant_content(
    existing: tuple[Condition, ...], conditions: tuple[Condition, ...], *, generation: int, now: str
) -> dict[str, Any]:
    """Return the status of the Kuadrant as it is applied.

    Args:
        existing: the conditions that the API server has.
        conditions: ours.
        generation: that of the Kuadrant which it is about.
        now: the time, in the form of conditions.
    """
    return {
        "status": {
            "observedGeneration": generation,
            "conditions": merged_conditions(
                [msgspec.to_builtins(one) for one in existing],
                conditions,
                ours={"Ready", WARNINGS},
                generation=generation,
                now=now,
            ),
        }
    }
