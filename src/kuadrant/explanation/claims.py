"""The places where policies look for the claims of a client's token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.explanation.knowledge import read_by, selected
from kuadrant.policy.checked_expression import TooDeepError
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter
from kuadrant.policy.identity_source import CLAIMS
from kuadrant.reference_model.expressions import EvaluationError, tree
from kuadrant.reference_model.identity import source_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.compiler import Compilation
    from kuadrant.policy.model import Policy


def claim_keys(*compilations: Compilation) -> frozenset[str]:
    """The keys below :data:`CLAIMS` that the policies of ``compilations`` read.

    Istio's is ``payload``, which is among them in any case; of Envoy Gateway it is a provider's name.
    """
    policies = (one.policy for compilation in compilations for one in compilation.policies)
    paths = (path for policy in policies for path in _read(policy))
    return frozenset(path[len(CLAIMS)] for path in paths if path[: len(CLAIMS)] == CLAIMS < path) | {
        "payload",
        *(name for compilation in compilations for name in _of_identities(compilation)),
    }


def reads_claims(compilation: Compilation) -> bool:
    """Tell whether a policy looks for claims where gateways have them, whoever has authenticated them."""
    return any(path[: len(CLAIMS)] == CLAIMS for one in compilation.policies for path in _read(one.policy))


def _of_identities(compilation: Compilation) -> Iterator[str]:
    for program in compilation.programs:
        for listener in program.listeners:
            for host in listener.hosts:
                for rule in host.rules:
                    source = source_of(rule.actions)
                    if source is not None and source.kind == "jwt":
                        yield source.name


def _read(policy: Policy) -> Iterator[tuple[str, ...]]:
    for one in policy.parts:
        if isinstance(one, ExpressionCondition | ExpressionCounter):
            if CLAIMS[-1] in one.expression:
                try:
                    yield from read_by(tree(one.expression).expression)
                except (EvaluationError, TooDeepError):
                    continue
        else:
            yield selected(one.selector)
