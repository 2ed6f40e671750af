"""What is said of policies, and on the objects that they affect.

:func:`policy_status` gives the conditions of a policy, :func:`affected` finds what it affects, :func:`kuadrant_condition` tells
whether there is anything to enforce it, :func:`with_acknowledgement` how it is known; :func:`merged_conditions` puts conditions into what others have written.
"""

from kuadrant.status.acknowledgement import ACKNOWLEDGED, with_acknowledgement
from kuadrant.status.affected import Affected, AffectedObjects, affected, gateway_status, route_status
from kuadrant.status.conditions import merged_conditions
from kuadrant.status.evidence import (
    Content,
    Delivery,
    GatewayState,
    PodState,
    awaited_parts,
    evidence,
    undelivered,
)
from kuadrant.status.kuadrant import Installation, kuadrant_condition
from kuadrant.status.policy import Evidence, PolicyStatus, policy_status
from kuadrant.status.report import (
    STATES,
    GatewayReport,
    PolicyReport,
    Report,
    chosen,
    pod_lines,
    report_text,
    with_fetches,
)
from kuadrant.status.text import as_text

__all__ = [
    "ACKNOWLEDGED",
    "STATES",
    "Affected",
    "AffectedObjects",
    "Content",
    "Delivery",
    "Evidence",
    "GatewayReport",
    "GatewayState",
    "Installation",
    "PodState",
    "PolicyReport",
    "PolicyStatus",
    "Report",
    "affected",
    "as_text",
    "awaited_parts",
    "chosen",
    "evidence",
    "gateway_status",
    "kuadrant_condition",
    "merged_conditions",
    "pod_lines",
    "policy_status",
    "report_text",
    "route_status",
    "undelivered",
    "with_acknowledgement",
    "with_fetches",
]
