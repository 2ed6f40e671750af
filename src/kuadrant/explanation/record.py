"""One decision, written down: what was looked at, what it was, and what came of it.

The text, the JSON and whoever else shows a decision show this record. ``None`` is what there is not; what is
not known is named as that.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from kuadrant.api.algorithm import FIXED_WINDOW, Algorithm
from kuadrant.api.limit_fallback import Fallback
from kuadrant.api.limit_mode import ENFORCE, EVERYBODY, Mode
from kuadrant.api.limit_scope import CLUSTER, Scope
from kuadrant.explanation.listener_record import TracedListener
from kuadrant.explanation.origin import Origin

Truth = Literal["true", "false", "fails", "unknown"]
"""Of a condition. One that fails has no value for the request."""


class Fact(Struct, frozen=True, kw_only=True, gc=False):
    """Something that is not known here: its name, and how it can be told."""

    name: str
    give: str


class Part(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A part of an expression, as it is written there, and what it was.

    It has a ``value``, or an ``error``, or is ``unknown`` with why. ``offset`` is its place in the
    expression. One that is not ``needed`` had no say in what the whole is. ``reads`` tells that it is an
    attribute of the request.
    """

    text: str
    offset: int
    value: str | None = None
    error: str | None = None
    unknown: str | None = None
    needed: bool = True
    reads: bool = False


class TracedCondition(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A predicate, or a condition of v1beta2, and what it was; ``error`` says why it fails.

    One that the gateway ``ends`` refuses the request, and nothing behind it is looked at. Where one that
    ``exempts`` holds, the limit does not apply.
    """

    text: str
    origin: Origin
    result: Truth
    error: str | None = None
    parts: tuple[Part, ...] = ()
    ends: bool = False
    exempts: bool = False

    @property
    def lets_apply(self) -> Truth:
        """Tell whether the limit may apply, as far as this one has a say."""
        if not self.exempts or self.result not in ("true", "false"):
            return self.result
        return "false" if self.result == "true" else "true"


class CounterValue(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A counter of a limit and its value; without one the limit does not apply."""

    text: str
    origin: Origin
    value: str | None = None
    error: str | None = None
    unknown: str | None = None
    parts: tuple[Part, ...] = ()


class CounterStanding(Struct, frozen=True, kw_only=True, gc=False):
    """The state of a counter after the request: what is left of ``limit`` in ``seconds``, or of ``burst``.

    ``key`` has each text that it is counted by and the value. ``resets_in`` are the seconds until it is whole
    again. ``denies`` tells that it had no room for the request. One that is not ``enforced`` denies nothing:
    there ``would_deny`` tells it, None where it is not known. Where it depends on the clock of the rate limit
    service, ``remaining`` is the least and ``resets_in`` the most, with ``remaining_at_most`` and
    ``resets_in_at_least``.
    """

    limit: int
    seconds: int
    key: tuple[tuple[str, str], ...]
    remaining: int
    resets_in: float
    denies: bool
    algorithm: Algorithm = FIXED_WINDOW
    burst: int | None = None
    enforced: bool = True
    would_deny: bool | None = False
    remaining_at_most: int | None = None
    resets_in_at_least: float | None = None


class Replaced(Struct, frozen=True, kw_only=True, gc=False):
    """A limit of a policy on the path that another took the place of."""

    policy: str
    limit: str
    origin: Origin


class LimitManner(Struct, frozen=True, kw_only=True, gc=False):
    """The way a limit counts, and what it does where it has no room.

    ``burst`` is what a bucket holds, its rate if that is None; ``enforce_percent`` is for how many of a
    hundred values of its counters it is enforced. Those of one ``bucket`` count together. ``fallback`` is
    what it says of requests without an answer of the service. ``counted_by`` is who counts.
    """

    algorithm: Algorithm = FIXED_WINDOW
    burst: int | None = None
    mode: Mode = ENFORCE
    enforce_percent: int = EVERYBODY
    bucket: str | None = None
    fallback: Fallback | None = None
    counted_by: Scope = CLUSTER

    @property
    def refuses(self) -> bool:
        """Tell whether it refuses anybody."""
        return self.mode == ENFORCE and self.enforce_percent > 0


class TracedLimit(LimitManner, frozen=True, kw_only=True, gc=False):
    """A limit of the rule's effective policy, where it comes from, and what it did.

    Attributes:
        name: As the policy has it.
        key: By which the gateway and the rate limit service know it.
        policy: The policy that it comes from, as ``namespace/name``.
        section: The block of the policy that it is in.
        strategy: How that block meets other policies.
        origin: Where it is written.
        replaced: Limits of the same name, of other policies on the path, that it took the place of.
        rates: How many requests in how many seconds.
        scope: The domain under which it is asked for.
        applies: Whether the request counts; ``unselected`` is a limit that is for other rules,
            ``unlimited`` one without rates.
        because: Why it does not, in words.
        when: Its conditions, those of the policy first; all that are there, also after one that is false.
        counters: What its counters are qualified by.
        cost: How many hits the request is; one where nothing is said of it.
        standings: Where its counters stand, one for each rate; none if nobody was asked.
    """

    name: str
    key: str
    policy: str
    section: Literal["limits", "defaults", "overrides"]
    strategy: Literal["atomic", "merge"]
    origin: Origin
    replaced: tuple[Replaced, ...] = ()
    rates: tuple[tuple[int, int], ...] = ()
    scope: str = ""
    applies: Literal["yes", "no", "fails", "unknown", "unselected", "unlimited"]
    because: str = ""
    when: tuple[TracedCondition, ...] = ()
    counters: tuple[CounterValue, ...] = ()
    cost: CounterValue | None = None
    standings: tuple[CounterStanding, ...] = ()


class OnPath(Struct, frozen=True, kw_only=True, gc=False):
    """A policy on the path to the rule, or one that could be, and what became of it.

    One that is not ``on_path`` is for the rule's gateway or route, and not ``accepted`` or for another
    section. ``kept`` are the names of its limits that are in effect, ``gone`` of those that others took the
    place of.
    """

    policy: str
    target: str
    section: Literal["limits", "defaults", "overrides"]
    strategy: Literal["atomic", "merge"]
    origin: Origin
    accepted: bool = True
    on_path: bool = True
    because: str = ""
    kept: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


class TracedHost(Struct, frozen=True, kw_only=True, gc=False):
    """A host name of the port, whether it is the request's, and why not; ``routed`` is one that has rules."""

    hostname: str
    chosen: bool
    because: str = ""
    routed: bool = True


class Failing(Struct, frozen=True, kw_only=True, gc=False):
    """The part of a match that a request does not have: what it must be and what it is."""

    part: str
    wanted: str
    found: str
    unknown: bool = False


class TracedRule(Struct, frozen=True, kw_only=True, gc=False):
    """A rule that was looked at: what it is for, and the first part that did not hold.

    ``id`` is the name by which the gateway knows it (one for each match and host name).
    """

    id: str
    rule: str
    route: str
    origin: Origin
    match: str
    failing: Failing | None = None


class Asked(Struct, frozen=True, kw_only=True, gc=False):
    """One question: scope and entries, and whether the answer is that a limit is full.

    It is to the rate limit service, or to the gateway itself, ``by`` whom its limits are counted.
    """

    scope: str
    entries: tuple[tuple[str, str], ...]
    limited: bool
    by: Scope = CLUSTER


class TracedBackend(Struct, frozen=True, kw_only=True, gc=False):
    """A backend (``namespace/name:port``) with its weight; one that is not ``allowed`` answers 500.

    ``lacks`` says what of it does not exist: there is nothing that could answer.
    """

    name: str
    weight: int = 1
    allowed: bool = True
    lacks: str = ""


class Client(Struct, frozen=True, kw_only=True, gc=False):
    """The answer that the client gets.

    ``status`` is None where a backend answers. ``headers`` are added, whoever answers; the gateway adds those
    of ``rate_limit_headers`` only if it is set to. ``not_known`` are the names of headers, ``body`` and
    ``signals``, whose values depend on the clock of the rate limit service. ``signals`` are the headers that
    soft limits add to the request, for who answers it. ``in_part`` says for how many requests the answer is
    500 or 503 instead, since some of the ``backends`` are sent none or do not exist; it is empty for none.
    """

    status: int | None
    because: str
    grpc_status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    rate_limit_headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    backends: tuple[TracedBackend, ...] = ()
    in_part: str = ""
    not_known: tuple[str, ...] = ()
    signals: tuple[tuple[str, str], ...] = ()


class Seen(Struct, frozen=True, kw_only=True, gc=False):
    """The request as the gateway's filters see it."""

    method: str
    scheme: str
    authority: str
    target: str
    headers: tuple[tuple[str, str], ...]


class Run(Struct, frozen=True, kw_only=True, gc=False):
    """Requests in a row that had the same outcome."""

    count: int
    outcome: Literal["no-route", "admitted", "limited", "failed", "unknown"]
    status: int | None


class Explanation(Struct, frozen=True, kw_only=True, gc=False):
    """One decision.

    Attributes:
        request: What was asked.
        before: What became of the same request before, if it was sent more than once.
        outcome: ``no-route`` (404), ``admitted``, ``limited`` (429), ``failed`` (500), or ``unknown`` with
            what is not known in ``unknown``.
        otherwise: Of an unknown outcome, what it is if the limits that are not known do not apply.
        listener: Where the request came in.
        hosts: The host names of the port.
        host: The one that the request is for.
        looked_at: The rules of the host in the order in which they were tried, up to the one that holds.
        rule: The rule that the request belongs to.
        policies: Those on the path to the rule, from the least to the most specific; then those that are for
            the rule's gateway or route and have no say in it.
        limits: The rule's effective policy.
        limited_by: The names of the limits that had no room.
        questions: What the rate limit service was asked.
        client: What the client gets.
        unknown: The facts that would have been needed.
        notes: What else has to be known of the gateways that were asked.
    """

    request: Seen
    before: tuple[Run, ...] = ()
    outcome: Literal["no-route", "admitted", "limited", "failed", "unknown"]
    otherwise: Literal["no-route", "admitted", "limited", "failed"] | None = None
    listener: TracedListener
    hosts: tuple[TracedHost, ...]
    host: str | None = None
    looked_at: tuple[TracedRule, ...] = ()
    rule: TracedRule | None = None
    policies: tuple[OnPath, ...] = ()
    limits: tuple[TracedLimit, ...] = ()
    limited_by: tuple[str, ...] = ()
    questions: tuple[Asked, ...] = ()
    client: Client | None = None
    unknown: tuple[Fact, ...] = ()
    notes: tuple[str, ...] = ()
