"""All that an operator remembers of policies, for tests of what decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.operator.core.accepted_policies import AcceptedPolicies
from kuadrant.operator.core.decider import Decider
from kuadrant.operator.core.limit_retention import LimitRetention
from kuadrant.operator.statuses.policy_statuses import PolicyStatuses

if TYPE_CHECKING:
    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.decision import Decision


class Operator:
    """All that an operator remembers of policies."""

    def __init__(self) -> None:
        self.accepted = AcceptedPolicies()
        self.decider = Decider()
        self.statuses = PolicyStatuses()
        self.retention = LimitRetention()
        self.decision: Decision | None = None
        self.applied: dict[Key, Any] = {}
