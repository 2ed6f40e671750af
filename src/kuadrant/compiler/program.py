"""The orders for one gateway, for any provider and any shim.

A ``GatewayProgram`` is the result of the compiler and the only thing that renderers read. It holds plain
frozen values in a total order: the same input gives the same program, and the same program gives the same
bytes.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from kuadrant.api.limitador import Limit
from kuadrant.api.response import Response
from kuadrant.policy.condition import Cost, Counter, PolicyCondition
from kuadrant.policy.failure_mode import FailureMode
from kuadrant.policy.identity_source import IdentitySource
from kuadrant.policy.match import RequestMatch


class LimitAction(Struct, frozen=True, gc=False):
    """One limit as the data plane sees it: when it applies and which descriptor entries name its counter.

    ``key`` is the limit's identifier (``limit.<name>__<hash>``, specification G.1), sent with the value
    ``1``. ``sources`` are the policies, as ``namespace/name``, that the limit came from. ``identity`` is
    where the gateway knows from who a request is from, of a limit that asks for it. One that does not
    ``refuse`` refuses nobody, whatever its counters say and whatever becomes of it; a soft one has the
    headers ``signals`` for requests that are over it. ``cost`` is how many hits a request counts as, one if
    that is None; of 0 hits it does not apply. ``fallback`` is what becomes of requests without an answer of
    the rate limit service; the failure mode, if that is None. Where the gateway counts it by itself,
    ``counted`` is what it counts; else the rate limit service does, which has its limits from elsewhere.
    """

    key: str
    when: tuple[PolicyCondition, ...] = ()
    counters: tuple[Counter, ...] = ()
    sources: tuple[str, ...] = ()
    identity: IdentitySource | None = None
    refuses: bool = True
    signals: tuple[tuple[str, str], ...] = ()
    cost: Cost | None = None
    fallback: FailureMode | None = None
    counted: tuple[Limit, ...] = ()

    @property
    def evaluated(self) -> tuple[Counter, ...]:
        """What is evaluated of it where its conditions hold: its counters, then what a request costs."""
        return self.counters if self.cost is None else (*self.counters, self.cost)


class Action(Struct, frozen=True, gc=False):
    """One question to the rate limit service: all limits of one scope, in one descriptor.

    ``scope`` is the domain of the request and the ``namespace`` of the service's limits. Those that the
    gateway counts by itself ask a question of their own, which it answers.
    """

    scope: str
    limits: tuple[LimitAction, ...]

    @property
    def is_counted_here(self) -> bool:
        """Tell whether the gateway answers it by itself."""
        return bool(self.limits and self.limits[0].counted)


class HeaderChange(Struct, frozen=True, gc=False):
    """The work of a RequestHeaderModifier or ResponseHeaderModifier: names in lower case."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


class PathChange(Struct, frozen=True, gc=False):
    """A new path: the whole of it, or in place of the prefix that matched."""

    type: Literal["full", "prefix"]
    value: str


class Redirect(Struct, frozen=True, gc=False):
    """A RequestRedirect filter."""

    scheme: str | None = None
    hostname: str | None = None
    port: int | None = None
    path: PathChange | None = None
    status: int = 302


class Rewrite(Struct, frozen=True, gc=False):
    """An URLRewrite filter."""

    hostname: str | None = None
    path: PathChange | None = None


class Backend(Struct, frozen=True, gc=False):
    """A Service and its share of the requests.

    ``namespace`` is resolved, ``allowed`` is False without a ReferenceGrant. What is called by ``grpc``
    speaks HTTP/2.
    """

    namespace: str
    name: str
    port: int
    weight: int = 1
    allowed: bool = True
    grpc: bool = False


class Mirror(Struct, frozen=True, gc=False):
    """A RequestMirror filter: what gets a copy, and of how many of a million requests."""

    backend: Backend
    per_million: int


class CrossOrigin(Struct, frozen=True, gc=False):
    """A CORS filter: which origins may send what, and see which headers of an answer.

    ``*`` is any; in an origin it is any number of labels at the beginning of a host.
    """

    origins: tuple[str, ...] = ()
    credentials: bool = False
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age: int = 5


class Forwarding(Struct, frozen=True, gc=False):
    """The way of a request after it was admitted; only a gateway that we configure whole reads this.

    ``unsupported`` names filters that cannot be carried out; such a rule answers 500, as Gateway API asks
    for.
    """

    backends: tuple[Backend, ...] = ()
    request_headers: HeaderChange = HeaderChange()
    response_headers: HeaderChange = HeaderChange()
    redirect: Redirect | None = None
    rewrite: Rewrite | None = None
    timeout_seconds: float | None = None
    mirrors: tuple[Mirror, ...] = ()
    cross_origin: CrossOrigin | None = None
    unsupported: tuple[str, ...] = ()


class RuleProgram(Struct, frozen=True, weakref=True):
    """One match of one rule of one route under one host name.

    ``name`` is the action set's name (specification G.2). A rule without actions is here too: it shields its
    requests from less specific rules that have some. ``response`` is what clients are told of the limits;
    where it leaves the headers open, the rate limit service decides.
    """

    name: str
    route: str
    match: RequestMatch
    actions: tuple[Action, ...] = ()
    forwarding: Forwarding = Forwarding()
    response: Response = Response()


class HostProgram(Struct, frozen=True, weakref=True):
    """The rules of one host name (exact, ``*.suffix`` or ``*``), in the order in which they are tried."""

    hostname: str
    rules: tuple[RuleProgram, ...]


class ListenerProgram(Struct, frozen=True, gc=False):
    """One port of the gateway: every host name that is served there, each once, in lexicographic order.

    Listeners of a Gateway that share a port are one here, as they are one in Envoy; ``names`` are theirs.
    """

    names: tuple[str, ...]
    port: int
    protocol: str
    hosts: tuple[HostProgram, ...]


class GatewayProgram(Struct, frozen=True, gc=False):
    """One gateway: its listeners, and the limits that the rate limit service has to hold for it."""

    namespace: str
    name: str
    listeners: tuple[ListenerProgram, ...]
    limits: tuple[Limit, ...]

    @property
    def own_limits(self) -> tuple[Limit, ...]:
        """The limits that the gateway counts by itself, each once."""
        found = {
            one
            for listener in self.listeners
            for host in listener.hosts
            for rule in host.rules
            for action in rule.actions
            if action.is_counted_here
            for limit in action.limits
            for one in limit.counted
        }
        return tuple(sorted(found, key=lambda one: (one.namespace, one.name, one.conditions, one.seconds)))

    def listener(self, port: int) -> ListenerProgram:
        """Return what is served at ``port``.

        Raises:
            ValueError: nothing is.
        """
        for listener in self.listeners:
            if listener.port == port:
                return listener
        raise ValueError(f"gateway {self.namespace}/{self.name} has no listener at port {port}")
