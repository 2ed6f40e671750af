"""The view *Now*: what is wrong, the gravest first, and how much there is of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct, to_builtins

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.api.meta import Condition
    from kuadrant.console.console_state import ConsoleState, Edit
    from kuadrant.console.topology_index import TopologyIndex
    from kuadrant.findings import Finding
    from kuadrant.status import GatewayReport

Severity = Literal["error", "warning", "note"]

MOST: Final = 200
"""Of one list on a page; of more the number is told."""
_ORDER: Final = {"error": 0, "warning": 1, "note": 2}
_WELL: Final = ("Accepted", "Enforced")
_MOST_EDITS: Final = 10


class Trouble(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that a person ought to look at.

    Attributes:
        severity: How grave it is.
        what: What it is about.
        text: What is wrong with it.
        place: Where it is written, or which field it is.
        fix: What helps.
        code: By which the documentation has it.
        policy: The policy that it is of.
        at: Since when, in seconds since 1970.
    """

    severity: Severity
    what: str
    text: str
    place: str = ""
    fix: str = ""
    code: str = ""
    policy: str = ""
    at: float = 0.0


def now_page(shown: ConsoleState, index: TopologyIndex) -> dict[str, Any]:
    """Return the view."""
    troubles = gravest_first(_troubles(shown, index))
    counted = {name: sum(one.severity == name for one in troubles) for name in _ORDER}
    return {
        "since": shown.since,
        "troubles": to_builtins(troubles[:MOST]),
        "more": max(0, len(troubles) - MOST),
        "severities": counted,
        "counts": _counts(shown, index),
        "edits": edits_told(shown.edits[:_MOST_EDITS]),
        "notes": list(shown.notes),
    }


def gravest_first(troubles: Iterable[Trouble]) -> list[Trouble]:
    """Return troubles in the order in which a person ought to look at them."""
    return sorted(troubles, key=lambda one: _ORDER[one.severity])


def edits_told(edits: Iterable[Edit]) -> list[Any]:
    """Return edits as a page has them."""
    return [to_builtins(one) for one in edits]


def finding_trouble(one: Finding) -> Trouble:
    """Return a finding as it is told."""
    kind, _, name = one.subject.partition(" ")
    return Trouble(
        severity=one.severity,
        what=one.subject or one.file,
        text=f"{one.field}: {one.message}" if one.field else one.message,
        place=f"{one.file}:{one.line}:{one.column}" if one.file else "",
        fix=one.fix,
        code=one.code,
        policy=name if kind == "RateLimitPolicy" else "",
    )


def _troubles(shown: ConsoleState, index: TopologyIndex) -> Iterator[Trouble]:
    if shown.refused is not None:
        at = shown.refused.at
        yield Trouble(
            severity="error",
            what="The last change is not applied",
            text="; ".join(shown.refused.reasons) or "it has mistakes, and what ran before goes on",
            at=at,
        )
        yield from map(finding_trouble, shown.refused.findings)
    if shown.report is not None:
        for gateway in shown.report.gateways:
            yield from _of_gateway(gateway)
    for name in index.policies:
        yield from _of_policy(name, shown.conditions.get(name, ()), index)
    yield from map(finding_trouble, shown.findings)


def _of_gateway(gateway: GatewayReport) -> Iterator[Trouble]:
    name = f"Gateway {gateway.gateway}"
    if gateway.problem:
        yield Trouble(severity="error", what=name, text=gateway.problem)
    for part in gateway.awaited:
        yield Trouble(severity="warning", what=name, text=f"waits for {part}")
    if not gateway.limited:
        return
    for pod in gateway.pods:
        if pod.state == "refused":
            yield Trouble(
                severity="error",
                what=f"{name}, pod {pod.pod}",
                text=f"refuses its configuration and runs on with what it had: {pod.refusal}",
                at=pod.refused_at or 0.0,
            )
        elif pod.state == "behind":
            yield Trouble(severity="warning", what=f"{name}, pod {pod.pod}", text="runs a former version")
        elif pod.state == "unknown" and gateway.delivery == "push":
            yield Trouble(
                severity="error" if pod.ready else "warning",
                what=f"{name}, pod {pod.pod}",
                text="has not said what it runs",
            )


def _of_policy(name: str, conditions: tuple[Condition, ...], index: TopologyIndex) -> Iterator[Trouble]:
    what, said = f"RateLimitPolicy {name}", False
    for one in conditions:
        if one.type in _WELL and one.status != "True":
            said = True
            severity: Severity = "warning" if one.reason == "Overridden" else "error"
            yield Trouble(
                severity=severity,
                what=what,
                text=f"{one.type}={one.status} ({one.reason}): {one.message}",
                policy=name,
            )
    node = index.policies[name].node
    is_enforced = any(one.type == "Enforced" and one.status == "True" for one in conditions)
    if not said and not is_enforced and node.state not in ("in effect", "in part"):
        grave: Severity = "error" if node.state == "not accepted" else "warning"
        text = f"{node.state}: {node.because}" if node.because else node.state
        yield Trouble(severity=grave, what=what, text=text, place=str(node.origin), policy=name)


def _counts(shown: ConsoleState, index: TopologyIndex) -> dict[str, int]:
    gateways = [gateway for one in shown.topology.classes for gateway in one.gateways]
    return {
        "gateways": len(gateways),
        "listeners": sum(len(gateway.listeners) for gateway in gateways),
        "routes": len({(one.route.kind, one.route.route) for one in index.routes}),
        "policies": len(index.policies),
        "enforced": sum(
            any(one.type == "Enforced" and one.status == "True" for one in shown.conditions.get(name, ()))
            for name in index.policies
        ),
    }
