"""Findings in SARIF 2.1.0, which code scanning of forges and editors read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from kuadrant.findings.rules_by_code import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.findings.finding import Finding
    from kuadrant.findings.severity import Rule

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_NUMBERS: Final = {code: number for number, code in enumerate(RULES)}


def findings_sarif(findings: Iterable[Finding], version: str) -> dict[str, Any]:
    """Return a SARIF log with one run of ``kuadrant check`` of this ``version``."""
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "kuadrant check",
                        "semanticVersion": version,
                        "rules": [_rule(rule) for rule in RULES.values()],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(one) for one in findings],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.means},
        "help": {"text": f"{rule.means} {rule.do}"},
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(one: Finding) -> dict[str, Any]:
    field = ": ".join(part for part in (one.subject, one.field) if part)
    text = f"{field}: {one.message}" if field else one.message
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(one.file)},
            "region": {"startLine": one.line, "startColumn": one.column},
        }
    }
    if field:
        location["logicalLocations"] = [{"fullyQualifiedName": field, "kind": "object"}]
    return {
        "ruleId": one.code,
        "ruleIndex": _NUMBERS[one.code],
        "level": one.severity,
        "message": {"text": f"{text}. {one.fix}" if one.fix else text},
        "locations": [location],
    }
