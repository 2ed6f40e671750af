"""Rate limit policies as every room behind the border knows them, whichever version they had."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from kuadrant.api.algorithm import FIXED_WINDOW, Algorithm
from kuadrant.api.limit_fallback import Fallback
from kuadrant.api.limit_mode import ENFORCE, EVERYBODY, SOFT, Mode
from kuadrant.api.limit_scope import CLUSTER, GATEWAY, Scope
from kuadrant.api.response import Response
from kuadrant.api.soft_signal import HEADER
from kuadrant.policy.condition import (
    Cost,
    Counter,
    ExpressionCondition,
    ExpressionCounter,
    PolicyCondition,
    negated,
)
from kuadrant.policy.match import RequestMatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.api.problem import Path

GATEWAY_API = "gateway.networking.k8s.io"
_UNPRINTABLE: Final = re.compile(r"[^!-~]")


class Rate(Struct, frozen=True, gc=False):
    """At most ``max_value`` requests in ``seconds``. ``seconds`` is 0 if the policy gave no usable window."""

    max_value: int
    seconds: int


class RouteSelector(Struct, frozen=True, gc=False):
    """The part of a route that a limit is for.

    Its host names, and rules that have a match with all these statements.

    An empty ``hostnames`` or ``matches`` does not narrow. In ``matches`` a part that is absent was not asked
    for.
    """

    hostnames: tuple[str, ...] = ()
    matches: tuple[RequestMatch, ...] = ()


class PolicyLimit(Struct, frozen=True, gc=False):
    """One named limit of a policy: all of its rates hold, for requests that fulfil every condition.

    Its counters live in the rate limit service, or in each gateway by itself if that is its ``scope``. They
    count by ``algorithm``; ``burst`` is that of each rate's bucket, the rate itself without. With
    ``selectors`` it is for what at least one of them selects.

    What is over it is refused for ``enforce_percent`` of a hundred values of its counters, and for nobody in
    the modes Shadow and Soft; in the latter the request goes on with the headers of `signals`. A request
    counts as ``cost`` hits, as one if that is None. Those of one ``bucket`` count together. ``fallback`` says
    what becomes of requests without an answer of the service; the failure mode, if that is None.
    """

    name: str
    rates: tuple[Rate, ...] = ()
    when: tuple[PolicyCondition, ...] = ()
    counters: tuple[Counter, ...] = ()
    selectors: tuple[RouteSelector, ...] = ()
    algorithm: Algorithm = FIXED_WINDOW
    burst: int | None = None
    mode: Mode = ENFORCE
    enforce_percent: int = EVERYBODY
    cost: Cost | None = None
    signal: tuple[tuple[str, str], ...] = ()
    bucket: str | None = None
    fallback: Fallback | None = None
    scope: Scope = CLUSTER

    @property
    def counted_by_gateways(self) -> bool:
        """Tell whether each gateway counts it by itself."""
        return self.scope == GATEWAY

    @property
    def evaluated(self) -> tuple[Counter, ...]:
        """What is evaluated of it where its conditions hold: its counters, then what a request costs."""
        return self.counters if self.cost is None else (*self.counters, self.cost)

    @property
    def refuses(self) -> bool:
        """Tell whether it refuses anybody."""
        return self.mode == ENFORCE and self.enforce_percent > 0

    @property
    def is_enforced(self) -> bool:
        """Tell whether it refuses whoever is over it."""
        return self.mode == ENFORCE and self.enforce_percent == EVERYBODY

    @property
    def signals(self) -> tuple[tuple[str, str], ...]:
        """The headers, in lower case, that a request gets which is over it; none if it is not soft."""
        if self.mode != SOFT:
            return ()
        return self.signal or ((HEADER, _UNPRINTABLE.sub("?", self.name)),)


class Target(Struct, frozen=True, gc=False):
    """The object that a policy is attached to; ``section`` is a Gateway's listener or a route's rule."""

    kind: str
    namespace: str
    name: str
    section: str | None = None

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


class Mistake(Struct, frozen=True, gc=False):
    """Something that a policy says beside its limits and that is not what can be said.

    ``field`` is its path in the document, ``at`` the line and column within the text there, if known. One
    that ``refuses`` keeps the policy from being carried out.
    """

    field: tuple[str, ...]
    message: str
    at: tuple[int, int] = (0, 0)
    refuses: bool = False


class Policy(Struct, frozen=True, weakref=True):
    """One rate limit policy.

    ``block`` and ``strategy`` say how it meets policies that are attached closer to the request; ``field`` is
    the path of the block in the document, for messages.

    ``when`` has to hold for each of its limits, and none of ``exempt`` may. ``response`` is what clients are
    told of limits, None if it says nothing of it.

    ``counted_under``: its limits are counted under its own name, in one place for everything that it covers,
    or under the name of each route. ``exclusive`` is a rule that differs between the API versions: it does
    not share its target with another policy of this kind, the younger one is in conflict; and where another
    such policy overrides it, its counters stay its own.
    """

    namespace: str
    name: str
    target: Target
    created: str = ""
    block: Literal["defaults", "overrides"] = "defaults"
    strategy: Literal["atomic", "merge"] = "atomic"
    field: tuple[str, ...] = ("spec",)
    when: tuple[PolicyCondition, ...] = ()
    exempt: tuple[ExpressionCondition, ...] = ()
    limits: tuple[PolicyLimit, ...] = ()
    counted_under: Literal["policy", "route"] = "route"
    exclusive: bool = False
    response: Response | None = None
    mistakes: tuple[Mistake, ...] = ()

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    @property
    def conditions(self) -> tuple[PolicyCondition, ...]:
        """Those in front of each limit's own."""
        return (*self.when, *map(negated, self.exempt))

    @property
    def parts(self) -> tuple[PolicyCondition | Counter, ...]:
        """Everything in it that is evaluated: its conditions, and all of its limits."""
        return (
            *self.conditions,
            *(condition for limit in self.limits for condition in limit.when),
            *(counter for limit in self.limits for counter in limit.evaluated),
        )

    @property
    def condition_places(self) -> tuple[Path, ...]:
        """The places of `conditions` in the block."""
        return (
            *(("when", index) for index in range(len(self.when))),
            *(("exempt", index) for index in range(len(self.exempt))),
        )

    @property
    def written(self) -> Iterator[tuple[Path, PolicyCondition | Counter]]:
        """Yield the conditions, counters and costs as they are written, with the places of their texts."""
        for place, condition in zip(self.condition_places, (*self.when, *self.exempt), strict=True):
            yield _text_place(place, condition), condition
        for limit in self.limits:
            parts = (("when", limit.when), ("counters", limit.counters))
            for field, found in parts:
                for index, part in enumerate(found):
                    yield _text_place(("limits", limit.name, field, index), part), part
            if limit.cost is not None:
                yield ("limits", limit.name, "cost"), limit.cost

    @property
    def age(self) -> tuple[str, str]:
        """A sort key: the oldest first, then by ``namespace/name``."""
        return (self.created, self.key)


def _text_place(place: Path, part: PolicyCondition | Counter) -> Path:
    if isinstance(part, ExpressionCondition):
        return (*place, "predicate")
    return (*place, "expression") if isinstance(part, ExpressionCounter) else place


class Problem(Struct, frozen=True, gc=False, order=True):
    """Something in an object that a person has to know.

    An ``error`` cannot be carried out as it is written; a ``warning`` is carried out, but hardly what was
    meant. ``field`` is a path into the object (may be empty), ``message`` says what is wrong and what happens
    instead, and ``fix`` what helps, if that is known for the case. ``code`` is the name of its kind
    (``kuadrant.findings``). ``at`` is the place within the text of the field, as line and column from 1, if
    that is known.
    """

    severity: Literal["error", "warning"]
    kind: str
    namespace: str
    name: str
    field: str
    message: str
    code: str = ""
    at: tuple[int, int] = (0, 0)
    fix: str = ""

    def __str__(self) -> str:
        """One line for a person."""
        where = f"{self.field}: " if self.field else ""
        return f"{self.kind} {self.namespace}/{self.name}: {where}{self.message}"
