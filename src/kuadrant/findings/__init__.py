"""Finds what is wrong or suspicious in documents, each with its code, place, sentence and what helps.

:func:`findings` looks at documents and what was compiled from them; ``SECTIONS`` has what each code means.
"""

from kuadrant.findings.as_github import findings_github
from kuadrant.findings.as_json import findings_json
from kuadrant.findings.as_sarif import findings_sarif
from kuadrant.findings.as_text import counted, findings_text, first_findings, gravest_first, number
from kuadrant.findings.finding import Finding
from kuadrant.findings.rule_runs import (
    document_findings,
    findings,
    suspicious,
    suspicious_by_routes,
    unauthenticated,
)
from kuadrant.findings.rules_by_code import RULES, SECTIONS
from kuadrant.findings.severity import Rule

__all__ = [
    "RULES",
    "SECTIONS",
    "Finding",
    "Rule",
    "counted",
    "document_findings",
    "findings",
    "findings_github",
    "findings_json",
    "findings_sarif",
    "findings_text",
    "first_findings",
    "gravest_first",
    "number",
    "suspicious",
    "suspicious_by_routes",
    "unauthenticated",
]
