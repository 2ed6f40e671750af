"""Findings as JSON, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuadrant.findings.finding import Finding


def findings_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings, and how many there are of each severity."""
    numbers = {
        f"{severity}s": sum(one.severity == severity for one in findings)
        for severity in ("error", "warning", "note")
    }
    return {"findings": to_builtins(findings), **numbers}
