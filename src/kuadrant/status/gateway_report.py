"""The report of gateways, pod by pod, and of policies: for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.api.meta import Condition
from kuadrant.status.gateway_evidence import Content, PodState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Evidence = Literal["acknowledged", "fetched", "none"]
"""The reason to believe that a pod runs something: it said so, or it fetched exactly that module from us."""

State = Literal["current", "behind", "refused", "unknown"]
STATES: Final[tuple[State, ...]] = ("current", "behind", "refused", "unknown")
"""The ways in which a pod stands to what is wanted, by what it said itself."""

_Row = tuple[str, ...]


class PodLine(Struct, frozen=True, kw_only=True):
    """One filter of one pod (``namespace/name``). Times are in seconds since 1970.

    Attributes:
        pod: The pod.
        ready: It gets requests.
        filter: The filter's name.
        wanted: What is to run.
        running: What runs; None if it is not known.
        since: When it began to run.
        evidence: Why that is believed.
        refusal: Envoy's words for what it refused last.
        refused_at: When it refused that.
        refuses: What it refused is what is wanted now.
    """

    pod: str
    ready: bool
    filter: str = ""
    wanted: Content
    running: Content | None = None
    since: float | None = None
    evidence: Evidence = "none"
    refusal: str = ""
    refused_at: float | None = None
    refuses: bool = False

    @property
    def state(self) -> State:
        """The way it stands to what is wanted."""
        if self.refuses:
            return "refused"
        if self.running is None or self.evidence == "fetched":
            return "unknown"
        return "current" if self.running == self.wanted else "behind"


class GatewayReport(Struct, frozen=True, kw_only=True):
    """A gateway, its pods, and what keeps it from limiting.

    Attributes:
        gateway: Its ``namespace/name``.
        provider: Whose gateway it is.
        delivery: The way it gets the module.
        limited: Requests are to be limited there.
        awaited: What keeps it from limiting as it is to.
        problem: Why it cannot limit as it is to.
        pods: A line for each filter of each pod.
    """

    gateway: str
    provider: str
    delivery: Literal["pull", "push"]
    limited: bool
    awaited: tuple[str, ...] = ()
    problem: str = ""
    pods: tuple[PodLine, ...] = ()


class PolicyReport(Struct, frozen=True, kw_only=True):
    """A policy (``namespace/name``), the gateways that it is about, and what its status says."""

    policy: str
    gateways: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()


class ShadowReport(Struct, frozen=True, kw_only=True):
    """How many requests a limit would have refused that watches only, in what it is counted for."""

    scope: str
    limit: str
    calls: int


class SoftReport(Struct, frozen=True, kw_only=True):
    """How many requests a soft limit had no room for, in what it is counted for."""

    scope: str
    limit: str
    calls: int


class Report(Struct, frozen=True, kw_only=True):
    """The knowledge of one replica, of which one at a time ``leads``.

    Attributes:
        leads: It decides and writes.
        version: What it runs itself; nothing of one that does not tell.
        gateways: Every gateway.
        policies: Every policy.
        shadows: What limits in shadow would have refused, since the rate limit service began.
        exceeded: How often soft limits were exceeded since then.
    """

    leads: bool
    version: str = ""
    gateways: tuple[GatewayReport, ...] = ()
    policies: tuple[PolicyReport, ...] = ()
    shadows: tuple[ShadowReport, ...] = ()
    exceeded: tuple[SoftReport, ...] = ()


def pod_lines(wanted: Mapping[str, Content], pods: Iterable[PodState]) -> tuple[PodLine, ...]:
    """Return a line for each filter of each pod."""
    lines: list[PodLine] = []
    for pod in pods:
        said = {delivery.filter: delivery for delivery in pod.deliveries}
        for name, content in wanted.items():
            line = PodLine(pod=pod.pod, ready=pod.ready, filter=name, wanted=content)
            delivery = said.get(name)
            if delivery is not None and delivery.running is not None:
                line = replace(line, running=delivery.running, since=delivery.since, evidence="acknowledged")
            if delivery is not None and delivery.refusal:
                refuses = delivery.refused == content != delivery.running
                line = replace(
                    line, refusal=delivery.refusal, refused_at=delivery.refused_at, refuses=refuses
                )
            lines.append(line)
    return tuple(lines)


def with_fetches(report: Report, fetched: Callable[[str, str], float | None]) -> Report:
    """Return the report with what is known of pods that pull.

    ``fetched`` tells when a pod fetched the module of a SHA-256, None if nobody knows of it. It is no word on
    the configuration.
    """

    def line(one: PodLine) -> PodLine:
        at = fetched(one.pod, one.wanted.sha256)
        if at is None:
            return one
        return replace(one, running=Content(one.wanted.sha256, ""), since=at, evidence="fetched")

    return replace(
        report,
        gateways=tuple(
            replace(one, pods=tuple(map(line, one.pods))) if one.delivery == "pull" else one
            for one in report.gateways
        ),
    )


def chosen(report: Report, what: Literal["gateway", "policy"] | None, name: str = "") -> Report:
    """Return the part that was asked for: gateways or policies, all or the one of ``[namespace/]name``."""

    def is_meant(full: str) -> bool:
        return not name or name in (full, full.partition("/")[2])

    policies = tuple(one for one in report.policies if what != "gateway" and is_meant(one.policy))
    if what == "policy":
        about = {gateway for one in policies for gateway in one.gateways}
        gateways = tuple(one for one in report.gateways if one.gateway in about)
    else:
        gateways = tuple(one for one in report.gateways if is_meant(one.gateway))
    shadows = tuple(one for one in report.shadows if what != "gateway" and is_meant(one.scope))
    exceeded = tuple(one for one in report.exceeded if what != "gateway" and is_meant(one.scope))
    return replace(report, gateways=gateways, policies=policies, shadows=shadows, exceeded=exceeded)


def report_text(report: Report, now: float) -> str:
    """Return the report as tables for a person; ``now`` is in seconds since 1970."""
    gateways: list[_Row] = [
        ("GATEWAY", "DELIVERY", "POD", "READY", "MODULE", "CONFIGURATION", "SINCE", "STATE")
    ]
    for one in report.gateways:
        name: str = one.gateway
        way: str = one.delivery if one.limited else "-"
        if not one.pods:
            state = one.problem or ("no pod" if one.limited else "not limited")
            gateways.append((name, way, "-", "-", "-", "-", "-", state))
        for line in one.pods:
            gateways.append((name, way, *_pod_cells(line, now, limited=one.limited)))
            name = way = ""
        gateways.extend(("", "", "", "", "", "", "", f"waiting for {part}") for part in one.awaited)
    policies: list[_Row] = [("POLICY", "ACCEPTED", "ENFORCED", "MESSAGE")]
    for policy in report.policies:
        status = {condition.type: condition for condition in policy.conditions}
        told = [status[kind] for kind in ("Enforced", "Accepted") if kind in status]
        words = [one.status if one is not None else "-" for one in map(status.get, ("Accepted", "Enforced"))]
        policies.append((policy.policy, words[0], words[1], told[0].message if told else ""))
    shadows: list[_Row] = [("SHADOW", "COUNTED FOR", "WOULD HAVE REFUSED")]
    shadows += ((one.limit, one.scope, str(one.calls)) for one in report.shadows)
    exceeded: list[_Row] = [("SOFT", "COUNTED FOR", "EXCEEDED BY")]
    exceeded += ((one.limit, one.scope, str(one.calls)) for one in report.exceeded)
    tables = [table for table in (gateways, policies, shadows, exceeded) if len(table) > 1]
    return "\n\n".join(map(_aligned, tables)) or "no gateways and no policies"


def _pod_cells(line: PodLine, now: float, *, limited: bool) -> _Row:
    running = line.running
    if not limited:
        state = "not limited"
    elif line.state == "refused" and line.refused_at is not None:
        state = f"refused {_ago(now - line.refused_at)} ago, keeps what it had: {line.refusal}"
    elif line.evidence == "fetched":
        state = "module fetched; its configuration is not known"
    elif line.state == "current":
        state = line.evidence
    elif running is not None:
        state = f"behind: {_short(line.wanted)} is wanted"
    else:
        state = "not heard of"
    return (
        line.pod.partition("/")[2],
        "yes" if line.ready else "no",
        running.sha256[:12] if running else "-",
        (running.configuration if running else "") or "-",
        "-" if line.since is None else _ago(now - line.since),
        state,
    )


def _short(content: Content) -> str:
    return "/".join(filter(None, (content.sha256[:12], content.configuration)))


def _ago(seconds: float) -> str:
    whole = max(0, round(seconds))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= 2 * length:
            return f"{whole // length}{unit}"
    return f"{whole}s"


def _aligned(rows: list[_Row]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
