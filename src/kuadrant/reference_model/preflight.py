"""Preflights: the requests by which browsers ask whether a page of another origin may send one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kuadrant.compiler.program import RuleProgram
    from kuadrant.reference_model.request import Request


def is_exempt(rule: RuleProgram, request: Request) -> bool:
    """Tell whether the limits of ``rule`` are not for ``request``, whatever they say: it is a preflight."""
    return rule.response.preflights != "Count" and is_preflight(request)


def is_preflight(request: Request) -> bool:
    """Tell whether a browser asks by ``request`` whether another one may be sent."""
    return request.method == "OPTIONS" and all(
        next(iter(request.values(name)), "") for name in ("origin", "access-control-request-method")
    )
