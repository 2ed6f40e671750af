"""Reports what this replica knows of gateways and policies, for `kuadrant status` and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant import __version__
from kuadrant.status import Content, GatewayReport, PolicyReport, Report, awaited_parts, pod_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.decision import Decision, GatewayDecision
    from kuadrant.status import GatewayState, PodState, PolicyStatus


def report(
    decision: Decision,
    states: Mapping[Key, GatewayState],
    pods_of: Callable[[Key], tuple[PodState, ...]],
    statuses: Mapping[Key, PolicyStatus],
    *,
    leads: bool,
) -> Report:
    """Return what is known after a decision.

    Args:
        decision: what was decided last.
        states: how each gateway stands to it.
        pods_of: the pods of a gateway and what each of them has said.
        statuses: what is said of each policy.
        leads: whether this replica writes.
    """
    gateways = (
        gateway_report(one, states[key], decision.module.address.sha256, pods_of(key))
        for key, one in decision.gateways.items()
        if one.provider is not None and key in states
    )
    about = {
        (facts.policy.namespace, facts.policy.name): facts.gateways for facts in decision.compilation.policies
    }
    policies = (
        PolicyReport(policy="/".join(key), gateways=tuple(about.get(key, ())), conditions=status.conditions)
        for key, status in statuses.items()
    )
    return Report(leads=leads, version=__version__, gateways=tuple(gateways), policies=tuple(policies))


def gateway_report(
    decision: GatewayDecision, state: GatewayState, sha256: str, pods: tuple[PodState, ...]
) -> GatewayReport:
    """Return what is known of one gateway.

    Args:
        decision: what was decided for it.
        state: how it stands to that.
        sha256: that of the module that it is to have.
        pods: its pods and what each of them has said.
    """
    # What a gateway that pulls is configured with is in its objects, and nobody says whether it has taken
    # them.
    wanted = state.wanted if state.wanted is not None else {"": Content(sha256, "")}
    limited = bool(decision.wanted.objects) or decision.wanted.problem is not None
    return GatewayReport(
        gateway=state.gateway,
        provider="" if decision.provider is None else decision.provider.NAME,
        delivery="push" if decision.wanted.pushed else "pull",
        limited=limited,
        awaited=tuple(awaited_parts(state)) if limited and not state.refused else (),
        problem=state.refused,
        pods=pod_lines(wanted, pods),
    )
