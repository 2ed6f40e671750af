"""Says what hangs on what: classes, gateways, listeners, routes and rules, with policies where they attach.

Text, graphs, JSON and whoever else shows a topology show this record.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from kuadrant.api.algorithm import FIXED_WINDOW, Algorithm
from kuadrant.api.limit_fallback import Fallback
from kuadrant.api.limit_mode import ENFORCE, EVERYBODY, Mode
from kuadrant.api.limit_scope import CLUSTER, Scope
from kuadrant.api.meta import Condition
from kuadrant.explanation import NotServed, Origin

State = Literal["in effect", "in part", "overridden", "no path", "not accepted"]
"""How a policy fares by what the objects say.

``in part``: on some paths, or with some of its limits; ``no path``: no gateway serves what it is for.
"""


class PolicyNode(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A policy at the object that it is attached to.

    Attributes:
        policy: ``namespace/name``.
        section: The block that its limits are in.
        strategy: The way it meets policies that are closer to the request.
        state: How it fares.
        because: Why it is not wholly in effect.
        conditions: What its status says, in a cluster.
        origin: Where it is written.
    """

    policy: str
    section: Literal["limits", "defaults", "overrides"]
    strategy: Literal["atomic", "merge"]
    state: State
    origin: Origin
    because: str = ""
    conditions: tuple[Condition, ...] = ()


class LimitNode(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A limit in effect.

    Attributes:
        name: As the policy has it.
        policy: The policy that it is from.
        section: The block that it is in.
        rates: How many requests in how many seconds.
        algorithm: How they are counted.
        burst: What a bucket holds; its rate without.
        mode: What it does where it has no room.
        enforce_percent: For how many of a hundred values of its counters it is enforced.
        cost: How many hits a request is, as an expression; empty for one.
        bucket: The bucket that it is in.
        fallback: What it says of requests without an answer of the rate limit service.
        counted_by: Who counts it: the rate limit service, or each gateway for itself.
        counters: What has a counter of its own for each of its values.
        when: The conditions under which it applies.
        partly: It is for some of the rule's matches or host names only.
    """

    name: str
    policy: str
    section: Literal["limits", "defaults", "overrides"]
    rates: tuple[tuple[int, int], ...]
    algorithm: Algorithm = FIXED_WINDOW
    burst: int | None = None
    mode: Mode = ENFORCE
    enforce_percent: int = EVERYBODY
    cost: str = ""
    bucket: str = ""
    fallback: Fallback | None = None
    counted_by: Scope = CLUSTER
    counters: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    partly: bool = False


class RuleNode(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A rule of a route: which requests are its, in words, and the limits that it is under."""

    name: str
    matches: tuple[str, ...]
    origin: Origin
    policies: tuple[PolicyNode, ...] = ()
    limits: tuple[LimitNode, ...] = ()


class RouteNode(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A route under one listener; ``hostnames`` are those that both take, ``*`` is any."""

    kind: str
    route: str
    hostnames: tuple[str, ...]
    origin: Origin
    policies: tuple[PolicyNode, ...] = ()
    rules: tuple[RuleNode, ...] = ()


class ListenerNode(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A listener of a gateway; ``not_served`` says by whom it is not, and why, as far as that is known."""

    name: str
    port: int
    protocol: str
    hostname: str
    origin: Origin
    policies: tuple[PolicyNode, ...] = ()
    routes: tuple[RouteNode, ...] = ()
    not_served: NotServed | None = None


class GatewayNode(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A Gateway (``namespace/name``)."""

    gateway: str
    origin: Origin
    policies: tuple[PolicyNode, ...] = ()
    listeners: tuple[ListenerNode, ...] = ()


class ClassNode(Struct, frozen=True, kw_only=True, gc=False):
    """The Gateways of a class."""

    name: str
    gateways: tuple[GatewayNode, ...]


class IdleRoute(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A route that no listener takes, and its policies."""

    kind: str
    route: str
    origin: Origin
    policies: tuple[PolicyNode, ...] = ()


class Topology(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """All of it.

    Attributes:
        classes: Gateways by their class.
        idle_routes: Routes that no listener takes.
        idle_policies: Policies whose target is not there.
        notes: What else is to be known.
    """

    classes: tuple[ClassNode, ...]
    idle_routes: tuple[IdleRoute, ...] = ()
    idle_policies: tuple[PolicyNode, ...] = ()
    notes: tuple[str, ...] = ()
