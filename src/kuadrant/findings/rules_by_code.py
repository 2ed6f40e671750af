"""All rules, by their codes, in the order in which the documentation has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.findings import (
    attachment_findings,
    backend_findings,
    cost_findings,
    counter_findings,
    document_findings,
    folder_findings,
    identity_findings,
    limit_findings,
    mode_findings,
    never_reached_findings,
    policy_findings,
    predicate_findings,
    query_findings,
    removed_header_findings,
    route_findings,
)
from kuadrant.findings.expression_findings import RULES as EXPRESSIONS

if TYPE_CHECKING:
    from kuadrant.findings.severity import Rule

SECTIONS: Final[dict[str, tuple[Rule, ...]]] = {
    "Documents": document_findings.RULES,
    "Gateways": folder_findings.RULES,
    "Routes": (*attachment_findings.RULES, *route_findings.RULES),
    "Backends and filters": backend_findings.RULES,
    "Policies": (*policy_findings.RULES, *identity_findings.RULES),
    "Limits": (
        *limit_findings.RULES,
        *mode_findings.RULES,
        *cost_findings.RULES,
        *never_reached_findings.RULES,
    ),
    "Conditions and counters": (
        *EXPRESSIONS,
        *counter_findings.RULES,
        *removed_header_findings.RULES,
        *query_findings.RULES,
        *predicate_findings.RULES,
    ),
}
"""The rules by what they are about."""

RULES: Final[dict[str, Rule]] = {rule.code: rule for rules in SECTIONS.values() for rule in rules}
"""Each rule by its code."""
