"""Limits that gateways count themselves, from a policy to the decision over a request."""

from __future__ import annotations

import json

import pytest

from kuadrant.compiler import Compilation, Compiler, compile_gateways
from kuadrant.dialects import DIALECTS, Service
from kuadrant.dialects.expressible import expressible
from kuadrant.explanation import Knowledge, Origins, explain
from kuadrant.explanation.verbose_text import verbose_text
from kuadrant.policy.model import Policy
from kuadrant.reference_model import Counters, Request, RequestDecision, decide

from .one_gateway import objects, route


def compiled(limits: str, annotation: str = "", version: str = "v1", response: str = "") -> Compilation:
    said = f", annotations: {{kuadrant.io/extensions: '{annotation}'}}" if annotation else ""
    return compile_gateways(
        objects(
            route("a"),
            f"""
---
apiVersion: kuadrant.io/{version}
kind: RateLimitPolicy
metadata: {{name: p, namespace: default{said}}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: HTTPRoute, name: a}}
  {response}
  limits: {{{limits}}}
""",
        )
    )


def here(name: str = "burst", limit: int = 2, more: str = "") -> str:
    return f"{name}: {{scope: Gateway, {more}rates: [{{limit: {limit}, window: 10s}}]}}"


def there(name: str = "quota", limit: int = 3) -> str:
    return f"{name}: {{rates: [{{limit: {limit}, window: 10s}}]}}"


def asked(compilation: Compilation, times: int) -> list[RequestDecision]:
    counters, decisions = Counters(compilation.all_limits), []
    for _ in range(times):
        decisions.append(
            decide(compilation.programs[0], Request(authority="a.default.example"), counters, 0.0)
        )
        counters = decisions[-1].counters
    return decisions


def hits(decision: RequestDecision) -> dict[str, int]:
    return {
        next(iter(identity[2])).partition(".")[2].partition("__")[0]: window.hits  # type: ignore[union-attr]
        for (identity, _), window in decision.counters.windows.items()
    }


@pytest.mark.parametrize(
    ("limits", "annotation", "version"),
    [
        (here(), "", "v1"),
        ("burst: {rates: [{limit: 2, window: 10s}]}", "limits: {burst: {scope: Gateway}}", "v1"),
        ("burst: {scope: Gateway, rates: [{limit: 2, duration: 10, unit: second}]}", "", "v1beta2"),
        (
            "burst: {rates: [{limit: 2, duration: 10, unit: second}]}",
            "limits: {burst: {scope: Gateway}}",
            "v1beta2",
        ),
    ],
)
def test_the_service_has_nothing_to_hold_and_the_gateway_counts(
    limits: str, annotation: str, version: str
) -> None:
    found = compiled(limits, annotation, version)
    assert found.limits == ()
    assert [(one.name, one.max_value, one.seconds) for one in found.all_limits] == [("burst", 2, 10)]
    assert [one.outcome for one in asked(found, 3)] == ["admitted", "admitted", "limited"]


def test_what_the_gateway_counts_is_asked_first_and_nobody_else_if_it_refuses() -> None:
    decisions = asked(compiled(f"{there('a')}, {here('b')}"), 3)
    assert [one.is_counted_here for one in decisions[0].questions] == [True, False]
    assert [len(one.questions) for one in decisions] == [2, 2, 1]
    assert decisions[2].looked == ()
    assert decisions[2].retry_after == 10


def test_what_was_counted_is_taken_back_if_the_service_refuses() -> None:
    decisions = asked(compiled(f"{there(limit=1)}, {here(limit=5)}"), 3)
    assert [one.outcome for one in decisions] == ["admitted", "limited", "limited"]
    assert [hits(one) for one in decisions] == [{"burst": 1, "quota": 1}] * 3
    # A window that would begin with it does not.
    never = asked(compiled(f"{there(limit=0)}, {here(limit=5)}"), 1)
    assert hits(never[0]) == {}


def test_of_two_rates_of_one_window_the_strictest_counts() -> None:
    found = compiled("burst: {scope: Gateway, rates: [{limit: 5, window: 10s}, {limit: 1, window: 10s}]}")
    assert [one.max_value for one in found.all_limits] == [1]


@pytest.mark.parametrize(("headers", "told"), [("", 3), ("response: {headers: Draft03}", 5)])
def test_headers_tell_of_it_where_somebody_says_which(headers: str, told: int) -> None:
    """Of what the service counts it says itself if nobody else does."""
    decision = asked(compiled(f"{there()}, {here()}", response=headers), 1)[0]
    assert len(dict(decision.headers)["x-ratelimit-limit"].split(",")) == 2 + (told == 5)


@pytest.mark.parametrize("algorithm", ["SlidingWindow", "TokenBucket"])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    found = compiled(here(more=f"algorithm: {algorithm}, "))
    (facts,) = found.policies
    assert facts.acceptance.reason == "Invalid"
    assert facts.acceptance.message.endswith(
        "spec.limits.burst.scope: is Gateway, and gateways count in fixed windows: remove "
        f"`algorithm: {algorithm}`, or have the rate limit service count (`scope: Cluster`)"
    )


def test_what_it_says_of_a_service_that_does_not_answer_is_refused() -> None:
    """The service is not asked."""
    (facts,) = compiled(here(more="fallback: Allow, ")).policies
    assert "fallback: is for limits that ask the rate limit service, and this one" in facts.acceptance.message


def test_a_bucket_counts_together_only_what_the_same_counts() -> None:
    shared = "bucket: b, "
    found = compiled(here(more=shared))
    other = compiled(there().replace("{rates", "{" + shared + "rates"))
    (own,), (of_service,) = found.all_limits, other.limits
    assert own.namespace == of_service.namespace
    assert own.identity != of_service.identity


def test_the_module_is_told_what_to_count() -> None:
    found = compiled(f"{there()}, {here(more='cost: uint(2), ')}")
    text = DIALECTS["kuadrant-v4"].render(found.programs[0].listeners[0].hosts, Service("c"))
    told = json.loads(text)
    assert told["services"]["here"] == {"here": True, "failureMode": "deny"}
    first, second = told["hosts"][0]["rules"][0]["actions"]
    assert [first["service"], second["service"]] == ["here", "ratelimit"]
    assert first["limits"][0]["here"] == {"rates": [{"limit": 2, "seconds": 10}], "name": "burst"}
    assert "here" not in second["limits"][0]


def test_without_such_limits_nothing_is_said_of_it() -> None:
    text = DIALECTS["kuadrant-v4"].render(compiled(there()).programs[0].listeners[0].hosts, Service("c"))
    assert json.loads(text)["services"].keys() == {"ratelimit"}


@pytest.mark.parametrize("dialect", ["kuadrant-v3", "rate-limit-policies", "action-sets"])
def test_only_our_own_module_counts(dialect: str) -> None:
    world = objects(
        route("a"),
        f"""
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: p, namespace: default}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: HTTPRoute, name: a}}
  limits: {{{here()}}}
""",
    )
    found = expressible(world, compile_gateways, DIALECTS[dialect], "deny", "module X")
    (facts,) = found.policies
    assert facts.acceptance.reason == "Unsupported"
    assert "limits.burst.scope: it counts nothing by itself (scope Gateway)" in facts.acceptance.message


def test_explain_says_who_counts() -> None:
    compiler = Compiler()
    found = compiler.compile(
        objects(
            route("a"),
            f"""
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: p, namespace: default}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: HTTPRoute, name: a}}
  limits: {{{here()}, {there()}}}
""",
        )
    )
    explained = explain(
        found.programs[0],
        Request(authority="a.default.example"),
        Counters(found.all_limits),
        0.0,
        origins=Origins(compiler.origins, found.policies),
        knowledge=Knowledge(show_values=True),
    )
    text = verbose_text(explained.explanation)
    assert "2 in 10 s, by each gateway for itself, counted under default/a" in text
    assert "the gateway counts by itself for default/a: within the limits" in text
    assert "the rate limit service is asked for default/a: within the limits" in text


def test_the_model_keeps_the_scope() -> None:
    (facts,) = compiled(here()).policies
    assert isinstance(facts.policy, Policy)
    assert [one.scope for one in facts.policy.limits] == ["Gateway"]
