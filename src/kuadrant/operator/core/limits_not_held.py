"""Tells which policies ask for limits that the rate limit service says it does not hold.

The service knows limits by the keys that they are asked for by, and names them in the Limitador's status.
What no policy wants any more, or somebody made up who asked for it, concerns none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.operator.core.staged_program import asks, rules_of
from kuadrant.policy.identifiers import limit_condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.limitador import Limitador, NotHeld
    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.policy.failure_mode import FailureMode

_SHOWN = 3
_CONDITIONS = ("kuadrant.io/LimitsValid", "kuadrant.io/LimitsKnown")


def named(resource: Limitador | None) -> tuple[NotHeld, ...]:
    """Return the limits that the service says it does not hold; one that was left out stands for itself."""
    if resource is None:
        return ()
    status = resource.status
    by_key = {
        (one.namespace, one.key): one for one in (*(status.asked_in_vain or ()), *(status.left_out or ()))
    }
    return tuple(by_key[key] for key in sorted(by_key))


def unnamed(resource: Limitador | None) -> bool:
    """Tell whether the service says that some limits are not held, and has no field to say which."""
    if resource is None or resource.status.left_out is not None:
        return False
    return any(
        one.get("type") in _CONDITIONS and one.get("status") == "False" for one in resource.status.conditions
    )


def by_policy(
    limits: tuple[NotHeld, ...], programs: Iterable[GatewayProgram], failure_mode: FailureMode
) -> Mapping[str, str]:
    """Return what is to be said of each policy (namespace/name) that asks for any of these.

    Args:
        limits: the limits that are not held.
        programs: what gateways are to have.
        failure_mode: what gateways do with an error.
    """
    if not limits:
        return {}
    wanted = {(one.namespace, limit_condition(one.key)): one for one in limits}
    found: dict[str, dict[str, str]] = {}
    refusing: set[str] = set()
    for program in programs:
        for rule in rules_of(program):
            for what, limit in asks(rule):
                if what in wanted:
                    for policy in limit.sources:
                        found.setdefault(policy, {})[f"{what[0]} {limit.key}"] = _one(wanted[what])
                    refusing.update(limit.sources if limit.refuses else ())
    modes = {policy: failure_mode if policy in refusing else None for policy in found}
    return {policy: _words([*texts.values()], modes[policy]) for policy, texts in found.items()}


def _one(limit: NotHeld) -> str:
    return f"{limit.key} of {limit.namespace} ({limit.reason or 'it was asked for lately'})"


def _words(limits: list[str], failure_mode: FailureMode | None) -> str:
    """Return what is to be said of limits; the mode is None if all of them are in shadow."""
    more = f", and {len(limits) - _SHOWN} more" if len(limits) > _SHOWN else ""
    if failure_mode is None:
        return (
            f"the rate limit service does not hold {', '.join(limits[:_SHOWN])}{more}: "
            "it is in shadow and refuses nobody, but does not watch either"
        )
    consequence = (
        "are answered with 500" if failure_mode == "deny" else "are let through without being counted"
    )
    return (
        f"the rate limit service does not hold {', '.join(limits[:_SHOWN])}{more}: "
        f"requests that ask for it {consequence} (failure mode {failure_mode})"
    )
