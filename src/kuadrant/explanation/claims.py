"""The places where policies look for the claims of a client's token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.explanation.knowledge import read_by, selected
from kuadrant.policy.checked_expression import TooDeepError
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter
from kuadrant.reference_model.expressions import EvaluationError, tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.explanation.knowledge import Path
    from kuadrant.policy.model import Policy

CLAIMS: Final[Path] = ("metadata", "filter_metadata", "envoy.filters.http.jwt_authn")
"""Where gateways that check tokens have what they say, each by a key of its own below."""


def claim_keys(policies: Iterable[Policy]) -> frozenset[str]:
    """The keys below :data:`CLAIMS` that policies read.

    Istio's is ``payload``, which is among them in any case; of Envoy Gateway it is a provider's name.
    """
    paths = (path for policy in policies for path in _read(policy))
    return frozenset(path[len(CLAIMS)] for path in paths if path[: len(CLAIMS)] == CLAIMS < path) | {
        "payload"
    }


def _read(policy: Policy) -> Iterator[Path]:
    limits = policy.limits
    for one in (
        *policy.conditions,
        *(condition for limit in limits for condition in limit.when),
        *(counter for limit in limits for counter in limit.counters),
    ):
        if isinstance(one, ExpressionCondition | ExpressionCounter):
            if CLAIMS[-1] in one.expression:
                try:
                    yield from read_by(tree(one.expression).expression)
                except (EvaluationError, TooDeepError):
                    continue
        else:
            yield selected(one.selector)
