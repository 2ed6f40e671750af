"""Leaves out of a program the policies that ask for what the module cannot be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kuadrant.compiler import Compilation, PolicyFacts
from kuadrant.policy.model import Policy, Problem
from kuadrant.policy.policy_acceptance import Acceptance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kuadrant.api.objects import Objects
    from kuadrant.dialects.dialect import Dialect, Unsupported
    from kuadrant.policy.failure_mode import FailureMode


def expressible(
    objects: Objects,
    compile_objects: Callable[[Objects], Compilation],
    dialect: Dialect,
    failure_mode: FailureMode,
    module: str,
) -> Compilation:
    """Return what ``compile_objects`` makes of the policies that ``dialect`` can express.

    Nothing is expressed in half.

    The others are not accepted and take no part: what they would shield from or override is in effect. Their
    words name ``module``, for people. What ``dialect.configure`` gives for a service with that failure mode
    raises for no host of the result.
    """
    compilation = compile_objects(objects)
    refused: dict[str, PolicyFacts] = {}
    # Without one policy others come into effect, which may ask for too much in their turn.
    while more := _refused(compilation, dialect, failure_mode, module):
        refused |= more
        rest = tuple(
            policy
            for policy in objects.rate_limit_policies
            if f"{policy.metadata.namespace}/{policy.metadata.name}" not in refused
        )
        compilation = compile_objects(msgspec.structs.replace(objects, rate_limit_policies=rest))
    if not refused:
        return compilation
    facts = (*compilation.policies, *refused.values())
    problems = (problem for one in refused.values() for problem in one.problems)
    return msgspec.structs.replace(
        compilation,
        policies=tuple(sorted(facts, key=lambda one: (one.policy.namespace, one.policy.name))),
        problems=tuple(sorted((*compilation.problems, *problems))),
    )


def _refused(
    compilation: Compilation, dialect: Dialect, failure_mode: FailureMode, module: str
) -> dict[str, PolicyFacts]:
    accepted = (one.policy for one in compilation.policies if one.acceptance.reason == "Accepted")
    hosts = (
        host for program in compilation.programs for listener in program.listeners for host in listener.hosts
    )
    found: dict[str, list[Unsupported]] = {}
    for one in dialect.unsupported(accepted, hosts, failure_mode):
        found.setdefault(one.policy, []).append(one)
    if not found:
        return {}
    policies = {one.policy.key: one.policy for one in compilation.policies}
    return {key: _facts(policies[key], unsupported, module) for key, unsupported in found.items()}


def _facts(policy: Policy, unsupported: Iterable[Unsupported], module: str) -> PolicyFacts:
    unsupported = tuple(unsupported)
    why = "; ".join(f"{one.field}: {one.reason}" for one in unsupported)
    message = f"RateLimitPolicy asks for what {module} cannot do: {why}"
    return PolicyFacts(
        policy=policy,
        acceptance=Acceptance("Unsupported", message),
        problems=tuple(
            Problem(
                "warning",
                "RateLimitPolicy",
                policy.namespace,
                policy.name,
                one.field,
                f"not in effect: {module} cannot do this: {one.reason}",
                "unsupported",
            )
            for one in unsupported
        ),
    )
