"""The fields of a limit that Kuadrant's definitions do not have, each with a meaning when it is absent."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from kuadrant.api.algorithm import Algorithm
from kuadrant.api.fields import DnsLabel, Expression, Fields
from kuadrant.api.limit_fallback import Fallback
from kuadrant.api.limit_mode import EVERYBODY, Mode
from kuadrant.api.limit_scope import Scope
from kuadrant.api.soft_signal import SoftSignal


class LimitExtensions(Fields, frozen=True, gc=False, kw_only=True):
    """The fields of a limit besides Kuadrant's; the annotation `kuadrant.io/extensions` has the same."""

    hints: ClassVar[Mapping[str, str]] = {
        "shadowMode": "a limit that refuses nobody is `mode: Shadow`",
        "concurrency": "requests in flight are not limited; limit by `rates` how many come",
    }

    algorithm: (
        Annotated[
            Algorithm,
            Meta(
                description=(
                    "How the limit counts: FixedWindow (the default), SlidingWindow (never more than the "
                    "limit in any interval of the window), or TokenBucket (a burst, and then evenly)."
                )
            ),
        ]
        | None
    ) = None
    burst: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=2**31 - 1,
                description="How many requests a TokenBucket admits at once; the limit, if it is not given.",
            ),
        ]
        | None
    ) = None
    mode: (
        Annotated[
            Mode,
            Meta(
                description=(
                    "Enforce (the default) refuses what is over the limit; Shadow lets it through, and says "
                    "how much it would have refused; Soft lets it through with headers that say so."
                )
            ),
        ]
        | None
    ) = None
    scope: (
        Annotated[
            Scope,
            Meta(
                description=(
                    "Who counts the limit: Cluster (the default) is the rate limit service, for all gateways "
                    "together; Gateway is each gateway process for itself, which asks nobody."
                )
            ),
        ]
        | None
    ) = None
    enforce_percent: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=EVERYBODY,
                description=(
                    "For how many of a hundred values of its counters the limit is enforced (100, if it is "
                    "not given); for the others it is a Shadow."
                ),
            ),
        ]
        | None
    ) = None
    boundary: (
        Annotated[
            Literal["Hard", "Soft"],
            Meta(description="Kuadrant's draft spelling: Soft is the mode Soft, Hard is Enforce."),
        ]
        | None
    ) = None
    soft_signal: (
        Annotated[
            SoftSignal,
            Meta(
                description=(
                    "The headers that a request gets which is over a Soft limit: x-kuadrant-limit-exceeded "
                    "with the limit's name, if it is not given."
                )
            ),
        ]
        | None
    ) = None
    cost: (
        Annotated[
            Expression,
            Meta(
                description=(
                    "A CEL expression that gives how many hits a request counts as, as a whole number; one, "
                    "if it is not given. A request of 0 hits is not limited."
                )
            ),
        ]
        | None
    ) = None
    bucket: (
        Annotated[
            DnsLabel,
            Meta(
                description=(
                    "A name: limits of any policies of this namespace that have it count together, whatever "
                    "their routes and gateways are. They have to count alike."
                )
            ),
        ]
        | None
    ) = None
    fallback: (
        Annotated[
            Fallback,
            Meta(
                description=(
                    "What requests get for which the rate limit service gives no answer: Deny is 500, with "
                    "Allow they go on, if all limits that apply to them let them; the failure mode of the "
                    "installation says it, if it is not given."
                )
            ),
        ]
        | None
    ) = None
