"""The rules of a RateLimitPolicy that a schema of single fields cannot say.

The messages are Kuadrant's own, word for word, where Kuadrant has the rule.
"""

from typing import Final

from kuadrant.api.complaints import Complaints
from kuadrant.api.document_nodes import quoted
from kuadrant.api.duration import milliseconds
from kuadrant.api.node_reading import Rules
from kuadrant.api.over_limit import OverLimit, over_limit_rule
from kuadrant.api.rate_limit_policy import (
    PolicyTargetReferenceV1,
    PolicyTargetReferenceV1Beta2,
    RateLimitPolicySpecV1,
    RateLimitPolicySpecV1Beta2,
    RateV1,
)
from kuadrant.api.soft_signal import SoftSignal, soft_signal_rule

_GATEWAY_API = "gateway.networking.k8s.io"


def _target_group(group: str) -> Complaints:
    if group != _GATEWAY_API:
        yield ("group",), f"Invalid targetRef.group. The only supported value is '{_GATEWAY_API}'"


def _target_v1beta2(target: PolicyTargetReferenceV1Beta2) -> Complaints:
    yield from _target_group(target.group)
    if target.kind not in ("HTTPRoute", "Gateway"):
        yield ("kind",), "Invalid targetRef.kind. The only supported values are 'HTTPRoute' and 'Gateway'"


def _target_v1(target: PolicyTargetReferenceV1) -> Complaints:
    yield from _target_group(target.group)
    if target.kind not in ("HTTPRoute", "GRPCRoute", "Gateway"):
        yield (
            ("kind",),
            "Invalid targetRef.kind. The only supported values are 'HTTPRoute', 'GRPCRoute' and 'Gateway'",
        )


def _one_block(spec: RateLimitPolicySpecV1Beta2 | RateLimitPolicySpecV1) -> Complaints:
    if spec.defaults is not None and spec.limits is not None:
        yield ("defaults",), "Implicit and explicit defaults are mutually exclusive"
    if spec.defaults is not None and spec.overrides is not None:
        yield ("overrides",), "Overrides and explicit defaults are mutually exclusive"
    if spec.overrides is not None and spec.limits is not None:
        yield ("overrides",), "Overrides and implicit defaults are mutually exclusive"


def _policy_v1beta2(spec: RateLimitPolicySpecV1Beta2) -> Complaints:
    yield from _one_block(spec)
    if spec.overrides is not None and spec.target_ref.kind != "Gateway":
        yield ("overrides",), "Overrides are only allowed for policies targeting a Gateway resource"
    if spec.overrides is not None and not spec.overrides.limits:
        # Kuadrant takes it, and it would replace the limits of every route by none.
        yield ("overrides", "limits"), "At least one spec.overrides.limits must be defined"
    if spec.target_ref.kind == "Gateway":
        # Kuadrant looks at spec.limits only, and then ignores the selectors of the other two blocks.
        for block, limits in (
            (("limits",), spec.limits or {}),
            (("defaults", "limits"), spec.defaults.limits if spec.defaults else {}),
            (("overrides", "limits"), spec.overrides.limits if spec.overrides else {}),
        ):
            for name, limit in limits.items():
                if limit.route_selectors:
                    path = (*block, name, "routeSelectors")
                    yield path, "route selectors not supported when targeting a Gateway"


def _policy_v1(spec: RateLimitPolicySpecV1) -> Complaints:
    yield from _one_block(spec)
    if spec.defaults is None and spec.overrides is None and not spec.limits:
        yield ("limits",), "At least one spec.limits must be defined"
    if spec.overrides is not None and not spec.overrides.limits:
        yield ("overrides", "limits"), "At least one spec.overrides.limits must be defined"
    if spec.defaults is not None and not spec.defaults.limits:
        yield ("defaults", "limits"), "At least one spec.defaults.limits must be defined"


def _rate_v1(rate: RateV1) -> Complaints:
    # Kuadrant takes what is below a second for a window of 0 s, which limits nothing.
    if milliseconds(rate.window) < 1000:
        yield (
            ("window",),
            f"is {quoted(rate.window)}, must be at least 1s: requests are counted per whole second",
        )


RULES: Final[Rules] = {
    OverLimit: over_limit_rule,
    PolicyTargetReferenceV1: _target_v1,
    PolicyTargetReferenceV1Beta2: _target_v1beta2,
    RateLimitPolicySpecV1: _policy_v1,
    RateLimitPolicySpecV1Beta2: _policy_v1beta2,
    RateV1: _rate_v1,
    SoftSignal: soft_signal_rule,
}
"""The rule of each struct that has one."""
