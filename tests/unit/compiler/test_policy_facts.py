"""What is told of policies of one target, of which one wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.compiler.texts import GATEWAY

if TYPE_CHECKING:
    from tests.unit.compiler.texts import Compile

ROUTE = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route, namespace: my-app}
spec: {parentRefs: [{name: gw}], rules: [{name: a}]}
"""


def policy(name: str, block: str, *, target: str = "{kind: HTTPRoute, name: route}", year: int = 2026) -> str:
    group = target.replace("{", "{group: gateway.networking.k8s.io, ")
    return f"""
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: {name}, namespace: my-app, creationTimestamp: "{year}-01-01T00:00:00Z"}}
spec:
  targetRef: {group}
  {block}
"""


def told(compile_text: Compile, *policies: str) -> dict[str, list[str]]:
    """The beginnings of the warnings of each policy."""
    compilation = compile_text(GATEWAY + ROUTE + "".join(policies))
    fields = {problem.field for one in compilation.policies for problem in one.problems}
    assert fields <= {"spec.targetRef.name"}
    return {
        one.policy.name: [problem.message.partition(":")[0] for problem in one.problems]
        for one in compilation.policies
    }


ONE = "limits: {a: {rates: [{limit: 1, window: 1s}]}}"
OTHER = "limits: {b: {rates: [{limit: 1, window: 1s}]}}"


def test_the_one_that_is_not_in_effect_is_told_which_one_wins(compile_text: Compile) -> None:
    younger_wins = told(compile_text, policy("old", ONE, year=2025), policy("young", OTHER))
    assert younger_wins == {
        "old": ["my-app/young has the same target and wins, so none of its limits is in effect"],
        "young": [],
    }
    older_wins = told(
        compile_text,
        policy("old", f"overrides: {{{ONE}}}", year=2025),
        policy("young", f"overrides: {{{OTHER}}}"),
    )
    assert older_wins == {
        "old": [],
        "young": ["my-app/old has the same target and wins, so none of its limits is in effect"],
    }


def test_a_policy_that_loses_some_of_its_limits_is_told_so(compile_text: Compile) -> None:
    both = "limits: {a: {rates: [{limit: 1, window: 1s}]}, c: {rates: [{limit: 1, window: 1s}]}}"
    merged = told(
        compile_text,
        policy("old", f"defaults: {{strategy: merge, {both}}}", year=2025),
        policy("young", f"defaults: {{strategy: merge, {ONE}}}"),
    )
    assert merged["old"] == ["my-app/young has the same target and wins, so some of its limits are in effect"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            policy("one", f"defaults: {{strategy: merge, {ONE}}}"),
            policy("other", f"defaults: {{strategy: merge, {OTHER}}}"),
            id="limits of different names that are merged",
        ),
        pytest.param(
            policy("one", ONE, target="{kind: Gateway, name: gw}"),
            policy("other", OTHER),
            id="a route's, and defaults of its gateway",
        ),
        pytest.param(
            policy("one", ONE, target="{kind: HTTPRoute, name: route, sectionName: a}"),
            policy("other", OTHER),
            id="a rule's, and the route's",
        ),
    ],
)
def test_what_is_meant_to_stand_beside_each_other_is_not_told(
    compile_text: Compile, one: str, other: str
) -> None:
    assert told(compile_text, one, other) == {"one": [], "other": []}


def test_it_is_told_no_more_when_the_other_one_is_gone(compile_text: Compile) -> None:
    assert told(compile_text, policy("old", ONE, year=2025)) == {"old": []}
