"""The statuses of policies, and of the objects that they affect.

:class:`EnforcementEvidence` decides when a policy may be called enforced, :func:`policy_status` gives its
conditions, :class:`AffectedObjects` finds what it affects, :func:`kuadrant_condition` tells whether there is
anything to enforce it, :func:`with_acknowledgement` how it is known; :func:`merged_conditions` puts
conditions into what others have written.
"""

from kuadrant.status.acknowledged_condition import ACKNOWLEDGED, with_acknowledgement
from kuadrant.status.affected_condition import Affected, AffectedObjects, gateway_status, route_status
from kuadrant.status.conditions import merged_conditions
from kuadrant.status.enforcement_evidence import AskedSince, Behind, EnforcementEvidence, Lost
from kuadrant.status.gateway_evidence import (
    Content,
    Evidence,
    FilterState,
    GatewayState,
    Part,
    PodState,
    awaited_parts,
    evidence,
    undelivered,
)
from kuadrant.status.gateway_report import (
    STATES,
    GatewayReport,
    PolicyReport,
    Report,
    ShadowReport,
    SoftReport,
    chosen,
    pod_lines,
    report_text,
    with_fetches,
)
from kuadrant.status.kuadrant_condition import Installation, kuadrant_condition, leaving_condition
from kuadrant.status.policy_status import PolicyStatus, policy_status
from kuadrant.status.remark import Remark
from kuadrant.status.warnings_condition import WARNINGS, remark_notices, with_warnings

__all__ = [
    "ACKNOWLEDGED",
    "STATES",
    "WARNINGS",
    "Affected",
    "AffectedObjects",
    "AskedSince",
    "Behind",
    "Content",
    "EnforcementEvidence",
    "Evidence",
    "FilterState",
    "GatewayReport",
    "GatewayState",
    "Installation",
    "Lost",
    "Part",
    "PodState",
    "PolicyReport",
    "PolicyStatus",
    "Remark",
    "Report",
    "ShadowReport",
    "SoftReport",
    "awaited_parts",
    "chosen",
    "evidence",
    "gateway_status",
    "kuadrant_condition",
    "leaving_condition",
    "merged_conditions",
    "pod_lines",
    "policy_status",
    "remark_notices",
    "report_text",
    "route_status",
    "undelivered",
    "with_acknowledgement",
    "with_fetches",
    "with_warnings",
]
