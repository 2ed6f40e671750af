"""What became of each policy in one compilation: all that is known of it before anything reaches a gateway."""

from __future__ import annotations

from msgspec import Struct

from kuadrant.policy.attachment import Acceptance
from kuadrant.policy.model import Policy, Problem


class PolicyFacts(Struct, frozen=True, gc=False):
    """One policy and how it fares on the paths that it is for.

    A path is one rule of a route under one listener of a gateway. On ``whole_paths`` of ``paths`` all limits of the policy
    are in effect, on ``partial_paths`` some; on the rest, policies of ``overridden_by`` took their place. ``gateways`` are
    those with a path where at least one limit is in effect. All names are ``namespace/name``. ``undecidable`` says which
    fields keep a limit from being evaluated, and why; such a limit follows the failure mode of the rate limit service.
    """

    policy: Policy
    acceptance: Acceptance
    paths: int = 0
    whole_paths: int = 0
    partial_paths: int = 0
    gateways: tuple[str, ...] = ()
    overridden_by: tuple[str, ...] = ()
    undecidable: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
