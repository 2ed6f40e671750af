"""RateLimitPolicy, in the two versions that people have: ``kuadrant.io/v1beta2`` and ``kuadrant.io/v1``."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta, field

from kuadrant.api.fields import (
    ANY_OTHER,
    DnsLabel,
    Expression,
    Fields,
    Group,
    Hostname,
    Kind,
    LongDuration,
    ObjectName,
    SectionName,
    by_key,
)
from kuadrant.api.http_route import HTTPRouteMatch
from kuadrant.api.limit_extensions import LimitExtensions
from kuadrant.api.meta import Condition, Object
from kuadrant.api.response import Response

MaxValue = Annotated[
    int,
    Meta(
        ge=-(2**63),
        le=2**63 - 1,
        description=(
            "The number of requests admitted per window. Below zero it counts as zero: nothing is admitted."
        ),
    ),
]


LONGEST_VALUE: Final = 1024
"""The most characters that an attribute is compared with."""
LONGEST_SPEC: Final = 128 << 10
"""The most characters of a form that a status carries; a larger one is only in memory."""


class LastAccepted(Fields, frozen=True, gc=False, kw_only=True):
    """The form of a policy that is in effect while the form that is stored is not accepted."""

    generation: Annotated[int, Meta(description="The generation of the policy that had this form.")]
    spec: Annotated[str, Meta(max_length=LONGEST_SPEC, description="The spec of this form, as JSON.")]


class RateLimitPolicyStatus(Fields, frozen=True, gc=False, kw_only=True):
    """The operator's words on a policy."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    observed_generation: Annotated[
        int, Meta(description="The generation of the policy that the conditions are about.")
    ] = 0
    conditions: Annotated[
        tuple[Condition, ...],
        Meta(
            description=(
                "Accepted, Enforced as long as the policy is accepted, kuadrant.io/Acknowledged "
                "as long as it is enforced; kuadrant.io/Warnings where something is hardly meant."
            ),
            extra_json_schema=by_key("type"),
        ),
    ] = ()
    last_accepted: LastAccepted | None = None


# kuadrant.io/v1beta2


class PolicyTargetReferenceV1Beta2(Fields, frozen=True, gc=False, kw_only=True):
    """The Gateway or HTTPRoute that a policy is for; it has to be in the policy's own namespace."""

    group: Annotated[Group, Meta(description="Always gateway.networking.k8s.io.")]
    kind: Annotated[Kind, Meta(description="Gateway or HTTPRoute.")]
    name: Annotated[ObjectName, Meta(description="The name of the target.")]
    namespace: Annotated[DnsLabel, Meta(description="The policy's own namespace, if given.")] | None = None


class RateV1Beta2(Fields, frozen=True, gc=False, kw_only=True):
    """At most ``limit`` requests in ``duration`` times ``unit``."""

    hints: ClassVar[Mapping[str, str]] = {
        "duration": "10 seconds are `duration: 10` and `unit: second`",
        "window": "it is of kuadrant.io/v1: in v1beta2, 10 seconds are `duration: 10` and `unit: second`",
    }

    limit: MaxValue
    duration: Annotated[int, Meta(ge=1, le=2**31 - 1, description="The length of the window, in units.")]
    unit: Annotated[Literal["second", "minute", "hour", "day"], Meta(description="The unit of the duration.")]


ContextSelector = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=253,
        description="An attribute of the request such as auth.identity.username or request.headers.x-user.",
    ),
]


class WhenConditionV1Beta2(Fields, frozen=True, gc=False, kw_only=True):
    """A condition on an attribute of the request."""

    hints: ClassVar[Mapping[str, str]] = {
        "predicate": "it is of kuadrant.io/v1: in v1beta2, a condition is `selector: request.method`, "
        "`operator: eq` and `value: GET`",
    }

    selector: ContextSelector
    operator: Annotated[
        Literal["eq", "neq", "startswith", "endswith", "incl", "excl", "matches"],
        Meta(
            description=(
                "How the attribute's value compares with the value given; `matches` is a glob (`?`, "
                "`*`, `+`)."
            )
        ),
    ]
    value: Annotated[
        str, Meta(max_length=LONGEST_VALUE, description="What the attribute's value is compared with.")
    ]


class RouteSelector(Fields, frozen=True, gc=False, kw_only=True):
    """Rules of the targeted HTTPRoute; without ``matches`` all of them.

    A match selects a rule that has a match with the same path, method and (at least) the same headers and
    query parameters. With ``hostnames``, the route has to have one of them literally.
    """

    hostnames: Annotated[
        tuple[Hostname, ...], Meta(max_length=64, description="Host names of the route, literally.")
    ] = ()
    matches: Annotated[
        tuple[HTTPRouteMatch, ...],
        Meta(max_length=8, description="What a rule's match has to contain; any of them."),
    ] = ()


class LimitV1Beta2(LimitExtensions, frozen=True, gc=False, kw_only=True):
    """Rates, when they apply, and what their counters are qualified by."""

    hints: ClassVar[Mapping[str, str]] = {
        **LimitExtensions.hints,
        "counters": "in v1beta2, a counter is a selector, such as `request.headers.x-user`",
    }

    rates: Annotated[
        tuple[RateV1Beta2, ...], Meta(max_length=64, description="All of them have to be kept.")
    ] = ()
    counters: Annotated[
        tuple[ContextSelector, ...],
        Meta(max_length=64, description="Requests are counted apart for each value of these attributes."),
    ] = ()
    when: Annotated[
        tuple[WhenConditionV1Beta2, ...],
        Meta(max_length=64, description="All have to hold for the limit to apply."),
    ] = ()
    route_selectors: Annotated[
        tuple[RouteSelector, ...],
        Meta(
            max_length=15, description="The rules of the route that the limit is for; without, all of them."
        ),
    ] = ()


LimitsV1Beta2 = Annotated[dict[str, LimitV1Beta2], Meta(max_length=14, description="Limits by name.")]


_OF_V1: Final = {"exempt": "it is of kuadrant.io/v1", "when": "it is of kuadrant.io/v1"}


class RateLimitPolicyDefaultsV1Beta2(Fields, frozen=True, gc=False, kw_only=True):
    """Limits that a more specific policy replaces (``defaults``), or that replace it (``overrides``)."""

    hints: ClassVar[Mapping[str, str]] = _OF_V1

    # The API server fills it in, since it keeps the fields of v1 too.
    strategy: Annotated[Literal["atomic"], Meta(description="Whole policies replace each other.")] = "atomic"
    response: Response | None = None
    limits: LimitsV1Beta2 = field(default_factory=dict)


class RateLimitPolicySpecV1Beta2(Fields, frozen=True, gc=False, kw_only=True):
    """The target of a policy and its limits; one of ``limits``, ``defaults`` and ``overrides`` is used.

    ``limits`` means the same as ``defaults.limits``. It is empty when it is absent.
    """

    hints: ClassVar[Mapping[str, str]] = _OF_V1

    target_ref: PolicyTargetReferenceV1Beta2
    response: Response | None = None
    limits: LimitsV1Beta2 | None = None
    defaults: RateLimitPolicyDefaultsV1Beta2 | None = None
    overrides: RateLimitPolicyDefaultsV1Beta2 | None = None


class RateLimitPolicyV1Beta2(Object, frozen=True, gc=False, kw_only=True):
    """Rate limits for a Gateway or an HTTPRoute (``kuadrant.io/v1beta2``)."""

    kind: ClassVar[str] = "RateLimitPolicy"
    api_versions: ClassVar[tuple[str, ...]] = ("kuadrant.io/v1beta2",)

    spec: RateLimitPolicySpecV1Beta2
    status: RateLimitPolicyStatus = RateLimitPolicyStatus()


# kuadrant.io/v1


class PolicyTargetReferenceV1(Fields, frozen=True, gc=False, kw_only=True):
    """The Gateway, HTTPRoute or GRPCRoute that a policy is for, in its own namespace, or a section of it.

    ``section_name`` is a listener's name, a rule's name, or ``rule-<n>`` for the n-th rule of a route, from
    1.
    """

    group: Annotated[Group, Meta(description="Always gateway.networking.k8s.io.")]
    kind: Annotated[Kind, Meta(description="Gateway, HTTPRoute or GRPCRoute.")]
    name: Annotated[ObjectName, Meta(description="The name of the target.")]
    section_name: (
        Annotated[SectionName, Meta(description="A listener of the Gateway, or a rule of the route.")] | None
    ) = None


class RateV1(Fields, frozen=True, gc=False, kw_only=True):
    """At most ``limit`` requests in ``window``."""

    hints: ClassVar[Mapping[str, str]] = {
        "window": "10 seconds are `window: 10s`",
        "duration": "it is of kuadrant.io/v1beta2: in v1, 10 seconds are `window: 10s`",
        "unit": "it is of kuadrant.io/v1beta2: in v1, 10 seconds are `window: 10s`",
    }

    limit: MaxValue
    window: Annotated[LongDuration, Meta(description="The length of the window, such as 10s, 1h30m or 7d.")]


class Predicate(Fields, frozen=True, gc=False, kw_only=True):
    """A CEL predicate over the attributes of the request."""

    hints: ClassVar[Mapping[str, str]] = {
        "selector": "it is of kuadrant.io/v1beta2: in v1, a condition is "
        "`predicate: request.method == 'GET'`",
    }

    predicate: Annotated[Expression, Meta(description="A CEL expression that gives true or false.")]


class CounterV1(Fields, frozen=True, gc=False, kw_only=True):
    """An expression by whose values requests are counted apart."""

    expression: Annotated[Expression, Meta(description="A CEL expression that gives a text or a number.")]


class LimitV1(LimitExtensions, frozen=True, gc=False, kw_only=True):
    """Rates, when they apply, and what their counters are qualified by."""

    hints: ClassVar[Mapping[str, str]] = {
        **LimitExtensions.hints,
        "counters": "in v1, a counter is `expression: request.headers['x-user']`",
        "routeSelectors": "it is of kuadrant.io/v1beta2: in v1, a policy is for one rule by "
        "`targetRef.sectionName`, or a limit for some requests by `when`",
    }

    rates: Annotated[tuple[RateV1, ...], Meta(max_length=64, description="All of them have to be kept.")] = ()
    counters: Annotated[
        tuple[CounterV1, ...],
        Meta(max_length=64, description="Requests are counted apart for each value of these expressions."),
    ] = ()
    when: Annotated[
        tuple[Predicate, ...], Meta(max_length=64, description="All have to hold for the limit to apply.")
    ] = ()


CommonConditions = Annotated[
    tuple[Predicate, ...], Meta(max_length=64, description="Holds in front of every limit's own conditions.")
]
Exemptions = Annotated[
    tuple[Predicate, ...],
    Meta(
        max_length=64,
        description="Requests for which one of them holds are not limited by the limits of this policy.",
    ),
]
LimitsV1 = Annotated[dict[str, LimitV1], Meta(max_length=1024, description="Limits by name.")]


class MergeableLimits(Fields, frozen=True, gc=False, kw_only=True):
    """Limits for what is below the target, and how they meet those of more specific policies."""

    strategy: Annotated[
        Literal["atomic", "merge"],
        Meta(description="Whether whole policies replace each other, or limits by name."),
    ] = "atomic"
    when: CommonConditions = ()
    exempt: Exemptions = ()
    response: Response | None = None
    limits: LimitsV1 = field(default_factory=dict)


class RateLimitPolicySpecV1(Fields, frozen=True, gc=False, kw_only=True):
    """The target of a policy and its limits; one of ``limits``, ``defaults`` and ``overrides`` is used.

    ``limits`` (with ``when`` and ``exempt``) means the same as ``defaults`` with the strategy ``atomic``.
    """

    target_ref: PolicyTargetReferenceV1
    when: CommonConditions = ()
    exempt: Exemptions = ()
    response: Response | None = None
    limits: LimitsV1 | None = None
    defaults: MergeableLimits | None = None
    overrides: MergeableLimits | None = None


class RateLimitPolicyV1(Object, frozen=True, gc=False, kw_only=True):
    """Rate limits for a Gateway, an HTTPRoute or a GRPCRoute, or a section of one (``kuadrant.io/v1``)."""

    kind: ClassVar[str] = "RateLimitPolicy"
    # The second is what it was called before its release: guides have it, no API server does.
    api_versions: ClassVar[tuple[str, ...]] = ("kuadrant.io/v1", "kuadrant.io/v1beta3")

    spec: RateLimitPolicySpecV1
    status: RateLimitPolicyStatus = RateLimitPolicyStatus()


RateLimitPolicy = RateLimitPolicyV1Beta2 | RateLimitPolicyV1
