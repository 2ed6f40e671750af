"""Defines the page of the latest decisions, as a rate limit service tells it to somebody who follows."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct, field

PATH: Final = "/decisions"
FOLLOWED_SECONDS: Final = 10
"""So long after a question decisions are reported for whoever asked."""
MOST: Final = 500
"""Decisions on a page."""

Verdict = Literal["allowed", "limited", "failed"]


class DecidedRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request, and when it was decided.

    Attributes:
        verdict: What became of it; ``failed`` is a 500 of ours.
        time: When it was reported, in seconds since 1970.
        method: Of the request.
        host: As the client named it.
        path: Without the query.
        headers: Those that somebody asked for, if the request has them.
    """

    verdict: Verdict
    time: float = 0.0
    method: str = ""
    host: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class ReportedDecision(DecidedRequest, frozen=True, kw_only=True, omit_defaults=True):
    """One request and what was decided for it.

    Attributes:
        limit: The key of the limit that is reached, or that could not be evaluated.
        policies: The policies that it is of, where gateways say so.
        scope: What is counted for: a route or a policy (``namespace/name``).
        route: The route, where gateways say so.
        rule: The rule's name in the gateway's configuration.
        asked: The keys of the limits that applied.
        soft: The keys of those that are soft and exceeded.
        error: What went wrong, as the response code details say it.
        part: Which condition or counter of the limit failed, such as ``condition 2``.
        expression: That, as it was written, where gateways say so.
        gateway: Who reported it (``namespace/name``), where gateways prove who they are.
    """

    limit: str = ""
    policies: tuple[str, ...] = ()
    scope: str = ""
    route: str = ""
    rule: str = ""
    asked: tuple[str, ...] = ()
    soft: tuple[str, ...] = ()
    error: str = ""
    part: str = ""
    expression: str = ""
    gateway: str = ""


class DecisionQuestion(Struct, frozen=True, kw_only=True, tag="decisions"):
    """Holds what somebody who follows wants: what came after a number, and these headers.

    Attributes:
        after: The ``next`` of the page before; nothing of what was before the first question is told.
        policy: Only decisions about limits of this policy (``namespace/name``).
        headers: Names of headers, in lower case; ``MOST_HEADERS`` at most.
        values: Their values are to be shown.
    """

    after: int | None = None
    policy: str = ""
    headers: tuple[str, ...] = ()
    values: bool = False


class DecisionPage(Struct, frozen=True, kw_only=True):
    """Decisions in the order in which they were reported.

    Attributes:
        decisions: ``MOST`` at most.
        next: What to ask for next.
        missed: How many more there were: of those that came too fast, and that were gone before they were
            asked for.
        masked: Values of headers are not shown.
    """

    decisions: tuple[ReportedDecision, ...] = ()
    next: int = 0
    missed: int = 0
    masked: bool = True
