"""The view *Modules*: which pod runs which module and configuration, since when, and how that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import to_builtins

if TYPE_CHECKING:
    from kuadrant.console.console_state import ConsoleState

_MOST: Final = 500


def modules_page(shown: ConsoleState) -> dict[str, Any]:
    """Return the view; ``report`` is None where nobody can be asked."""
    report = shown.report
    if report is None:
        return {"report": None, "notes": list(shown.notes)}
    gateways = []
    for one in report.gateways[:_MOST]:
        told = to_builtins(one)
        for line, pod in zip(told["pods"], one.pods, strict=True):
            line["state"] = pod.state
        gateways.append(told)
    return {
        "release": report.version,
        "gateways": gateways,
        "more": max(0, len(report.gateways) - _MOST),
        "notes": list(shown.notes),
    }
