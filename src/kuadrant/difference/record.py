"""The record of what two configurations do otherwise: limits, routing, and requests that tell them apart.

The text and the JSON of ``kuadrant diff`` show this record. Of every pair ``before`` is the old one.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from kuadrant.api.algorithm import FIXED_WINDOW, Algorithm
from kuadrant.api.limit_mode import ENFORCE, EVERYBODY, Mode
from kuadrant.api.limit_scope import CLUSTER, Scope
from kuadrant.explanation.origin import Origin
from kuadrant.policy.failure_mode import FailureMode

Change = Literal["added", "removed", "changed"]


class LimitEffect(Struct, frozen=True, kw_only=True, gc=False):
    """The way a limit treats requests.

    Attributes:
        mode: What it does where it has no room.
        enforce_percent: For how many of a hundred values of its counters it is enforced.
        signals: The headers of requests that are over it, if it is soft.
        counted_by: Who counts it: the rate limit service, or each gateway for itself.
        fallback: What it says of requests without an answer of the rate limit service.
    """

    mode: Mode = ENFORCE
    enforce_percent: int = EVERYBODY
    signals: tuple[tuple[str, str], ...] = ()
    counted_by: Scope = CLUSTER
    fallback: FailureMode | None = None


class LimitSide(LimitEffect, frozen=True, kw_only=True, gc=False):
    """A limit as one of the two has it.

    Attributes:
        name: As the policy has it.
        policy: The policy that it comes from, as ``namespace/name``.
        section: The block of the policy that it is in.
        origin: Where it is written.
        rates: How many requests in how many seconds.
        algorithm: How they are counted.
        burst: How many a bucket of tokens holds, its rate if that is None.
        when: Its conditions, those of the policy first.
        counters: What it is counted by.
        cost: How many hits a request is, as an expression; empty for one.
        identity: Where the gateway knows from who a request is from, if the limit asks for that.
        counted: For each route by itself, or for all that the policy covers together.
        key: By which the gateway and the rate limit service know it; another key counts anew.
    """

    name: str
    policy: str
    section: Literal["limits", "defaults", "overrides"]
    origin: Origin
    rates: tuple[tuple[int, int], ...]
    algorithm: Algorithm = FIXED_WINDOW
    burst: int | None = None
    when: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    cost: str = ""
    identity: str = ""
    counted: Literal["for each route", "together"] = "for each route"
    key: str


class Place(Struct, frozen=True, kw_only=True, gc=False):
    """A rule of a host name; ``match`` says in words which requests are its."""

    gateway: str
    port: int
    host: str
    route: str
    rule: str
    match: str
    origin: Origin


class LimitChange(Struct, frozen=True, kw_only=True, gc=False):
    """A limit that is there in one of the two only, or is another in each, and the rules for which it is.

    Where it is not ``told`` no request was found that is answered otherwise.
    """

    change: Change
    before: LimitSide | None = None
    after: LimitSide | None = None
    places: tuple[Place, ...]
    told: bool = True


class ToldChange(Struct, frozen=True, kw_only=True, gc=False):
    """One thing that is another of what clients are told of limits.

    Attributes:
        what: Which thing, in words.
        before: What it is in the old one, in words.
        after: What it is in the new one.
        by: Who says so, such as ``RateLimitPolicy default/toystore``.
        origin: Where it is written, in the new one if it is there.
        places: The rules for which it is so.
        told: Whether a request was found that is answered otherwise.
    """

    what: str
    before: str
    after: str
    by: str
    origin: Origin
    places: tuple[Place, ...]
    told: bool = True


class RoutingChange(Struct, frozen=True, kw_only=True, gc=False):
    """A host or route that a gateway serves otherwise.

    Attributes:
        change: What became of it.
        what: Which it is, in words.
        because: How it differs, if it is there in both.
        origin: Where it is written, in the new one if it is there.
        hosts: The host names where it is so.
        limits: The limits of what came or went.
        told: Whether a request was found that is answered otherwise.
    """

    change: Change
    what: str
    because: str = ""
    origin: Origin | None = None
    hosts: tuple[str, ...] = ()
    limits: tuple[LimitSide, ...] = ()
    told: bool = True


class SentStep(Struct, frozen=True, kw_only=True, gc=False):
    """A request, sent so many ``times``, ``after`` so many seconds since the step before.

    ``words`` are those of ``kuadrant explain``.
    """

    words: tuple[str, ...]
    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    times: int
    after: float = 0.0


class AnsweredRun(Struct, frozen=True, kw_only=True, gc=False):
    """Answers in a row that are alike: a status, 200 where a backend answers, or one of gRPC.

    ``told`` is what goes with the status here and not, or not always, with the same status of the other.
    """

    answer: str
    told: tuple[str, ...] = ()
    count: int


class TellingRequest(Struct, frozen=True, kw_only=True, gc=False):
    """The smallest requests found that are answered otherwise, and the answers of both.

    ``also`` are the host names for which the same can be shown.
    """

    steps: tuple[SentStep, ...]
    before: tuple[AnsweredRun, ...]
    after: tuple[AnsweredRun, ...]
    also: tuple[str, ...] = ()


class Differences(Struct, frozen=True, kw_only=True, gc=False):
    """All that two configurations do otherwise; false where there is nothing."""

    limits: tuple[LimitChange, ...] = ()
    responses: tuple[ToldChange, ...] = ()
    routing: tuple[RoutingChange, ...] = ()
    requests: tuple[TellingRequest, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is a difference."""
        return bool(self.limits or self.responses or self.routing or self.requests)
