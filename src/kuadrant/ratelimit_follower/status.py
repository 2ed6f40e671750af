"""What is said of the limits in the resource's status.

It is a function of the resource, never of what one process holds, so that several replicas say the same:

* ``observedGeneration`` is the newest generation whose limits were taken by a replica. The others have them as soon as they
  hear of it; one that is cut off from the API server has its former ones, and its own metrics say which.
* The condition ``Ready`` is about the generation that it names: True if its limits were taken, False if they are wrong.
* Replicas of two releases may judge a generation differently. Each takes a ``True`` of another one back once, and whoever holds
  the limits may say so again. So neither overwrites the other for ever, and it ends as ``True`` exactly if one holds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from kuadrant.api.limitador import storage_secret
from kuadrant.api.meta import Condition
from kuadrant.status import merged_conditions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.api.limitador import Limitador, LimitadorService

MANAGER: Final = "kuadrant-ratelimit"
"""The field manager of the status."""

_READY: Final = "Ready"
_SHOWN: Final = 10


def owner(limitador: Limitador) -> str | None:
    """Who else writes the conditions, such as the limitador-operator, whose status it then is; None if nobody does."""
    for entry in limitador.metadata.managed_fields:
        if entry.manager != MANAGER and entry.fields_v1.status.conditions is not None:
            return entry.manager
    return None


def wanted_status(
    limitador: Limitador,
    *,
    count: int,
    mistakes: Sequence[str],
    overruled: bool,
    service: LimitadorService,
    now: str,
) -> dict[str, Any] | None:
    """Return the status to apply, None to leave it as it is.

    ``count`` and ``mistakes`` are those of the limits of ``limitador``, ``overruled`` is whether this process already said of
    this generation that they are wrong, ``service`` is where they are asked for, and ``now`` is an RFC 3339 text in UTC.
    """
    if owner(limitador) is not None:
        return None
    status, generation = limitador.status, limitador.metadata.generation
    former = [condition for condition in status.conditions if condition.get("type") == _READY]
    is_held = status.observed_generation == generation and any(
        condition.get("status") == "True" for condition in former
    )
    if mistakes and is_held and overruled:
        return None
    observed = status.observed_generation if mistakes else generation
    conditions = merged_conditions(
        former,
        [_wrong(mistakes) if mistakes else _held(limitador, count)],
        ours={_READY},
        generation=generation,
        now=now,
    )
    return {
        **({"observedGeneration": observed} if observed else {}),
        "conditions": conditions,
        "service": msgspec.to_builtins(service),
    }


def _held(limitador: Limitador, count: int) -> Condition:
    message = f"{count} limits are held"
    if secret := storage_secret(limitador.spec.storage):
        message += f", counted in the store of the Secret {secret}"
    elif limitador.spec.storage:
        message += (
            "; spec.storage is supported as redis or redis-cached with a configSecretRef: "
            "counters are in memory, of each replica by itself"
        )
    return Condition(type=_READY, status="True", reason="Ready", message=message)


def _wrong(mistakes: Sequence[str]) -> Condition:
    more = [f"and {len(mistakes) - _SHOWN} more"] if len(mistakes) > _SHOWN else []
    # The API server takes 32,768 characters, and a text of somebody's may have any length.
    texts = [mistake[:1000] for mistake in mistakes[:_SHOWN]] + more
    return Condition(
        type=_READY,
        status="False",
        reason="InvalidLimits",
        message=f"the limits are wrong and not taken, the last good ones stay: {'; '.join(texts)}",
    )
