"""Tells whose limits had room before, where it is not remembered what a gateway was told.

Of several policies of one target the age decides: ``policy/policy_attachment``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

if TYPE_CHECKING:
    from kuadrant.operator.core.kinds import StoredPolicy
    from kuadrant.operator.core.world import World

KEPT_BACK: Final = "what was in effect stays, and what is new"
"""The words by which a policy's status says that not all of it is taken: they outlive the operator."""


class Seniority(Struct, frozen=True):
    """Tells what an operator that has just started can know of those that a gateway has no room for.

    Attributes:
        late: the policies, as ``namespace/name``, whose status says that not all of them was taken. Only the
            operator and who administers it can write there.
        created: when routes came to be.
    """

    late: frozenset[str] = frozenset()
    created: Mapping[str, str] = field(default_factory=dict)


def seniority(world: World) -> Seniority:
    """Return what the objects of a cluster say."""
    routes = (*world.objects.http_routes, *world.objects.grpc_routes)
    return Seniority(
        late=frozenset("/".join(key) for key, policy in world.policies.items() if _is_late(policy)),
        created={
            f"{one.metadata.namespace}/{one.metadata.name}": one.metadata.creation_timestamp or ""
            for one in routes
        },
    )


def _is_late(policy: StoredPolicy) -> bool:
    conditions = policy.status.get("conditions")
    return isinstance(conditions, list) and any(
        isinstance(one, dict) and KEPT_BACK in str(one.get("message")) for one in conditions
    )
