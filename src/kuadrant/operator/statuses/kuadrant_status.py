"""Says in the Kuadrant's status whether everything is there that policies need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kuadrant.gateways.limitador import NAME
from kuadrant.gateways.providers import PROVIDERS
from kuadrant.operator.core.installation import is_ready
from kuadrant.operator.core.kinds import GATEWAYS
from kuadrant.policy.oldest_kuadrant import oldest
from kuadrant.status import Installation, kuadrant_condition, merged_conditions

if TYPE_CHECKING:
    from kuadrant.api.meta import Condition
    from kuadrant.operator.core.decision import Decision
    from kuadrant.operator.core.world import World


def missing_dependencies(world: World) -> tuple[str, ...]:
    """Return what no policy can be in effect without and the cluster does not have."""
    has_provider = any(all(kind.name in world.served for kind in one.KINDS) for one in PROVIDERS)
    return (
        *(() if GATEWAYS.name in world.served else ("Gateway API",)),
        *(() if has_provider else ("Gateway API provider (istio / envoy gateway)",)),
    )


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
        service = "the rate limit service has not taken the limits yet"
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


def kuadrant_content(
    existing: tuple[Condition, ...], condition: Condition, *, generation: int, now: str
) -> dict[str, Any]:
    """Return the status of the Kuadrant as it is applied.

    Args:
        existing: the conditions that the API server has.
        condition: ours.
        generation: that of the Kuadrant which it is about.
        now: the time, in the form of conditions.
    """
    return {
        "status": {
            "observedGeneration": generation,
            "conditions": merged_conditions(
                [msgspec.to_builtins(one) for one in existing],
                [condition],
                ours={"Ready"},
                generation=generation,
                now=now,
            ),
        }
    }
