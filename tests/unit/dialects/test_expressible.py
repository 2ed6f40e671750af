"""A policy that a module cannot be told is not accepted, and takes no part."""

from __future__ import annotations

import pytest

from kuadrant.api import documents
from kuadrant.compiler import Compilation, compile_gateways
from kuadrant.dialects import DIALECTS, OWN, Service, expressible
from kuadrant.status import Evidence, policy_status
from kuadrant.wasm.releases import KNOWN

from .expressible_world import WORLD


def _compiled(dialect: str, world: str = WORLD) -> Compilation:
    objects = documents.read([("world.yaml", world)]).objects
    return expressible(objects, compile_gateways, DIALECTS[dialect], "deny", "wasm-shim v0.4.0")


def _accepted(compilation: Compilation) -> dict[str, str]:
    return {fact.policy.name: fact.acceptance.reason for fact in compilation.policies}


def test_what_can_be_said_is_left_as_it_is() -> None:
    objects = documents.read([("world.yaml", WORLD)]).objects
    for dialect in (*OWN, "action-sets"):
        assert expressible(objects, compile_gateways, DIALECTS[dialect], "deny", "x") == compile_gateways(
            objects
        )


def test_a_policy_that_cannot_be_said_is_not_accepted_and_says_why() -> None:
    compilation = _compiled("rate-limit-policies")
    assert _accepted(compilation) == {"for-all": "Accepted", "own": "Unsupported"}
    own = next(fact for fact in compilation.policies if fact.policy.name == "own")
    (condition,) = policy_status(own, Evidence()).conditions
    assert (condition.type, condition.status, condition.reason) == ("Accepted", "False", "Unsupported")
    assert condition.message == (
        "RateLimitPolicy asks for what wasm-shim v0.4.0 cannot do: "
        "spec.limits.per-user.counters[0].expression: it knows no expressions in CEL; "
        "spec.limits.per-user.when[0].predicate: it knows no expressions in CEL"
    )


def test_what_is_exempt_is_told_where_it_is_written() -> None:
    world = WORLD.replace("{limits: {all", "{exempt: [{predicate: 'true'}], limits: {all")
    compilation = _compiled("rate-limit-policies", world)
    for_all = next(fact for fact in compilation.policies if fact.policy.name == "for-all")
    (condition,) = policy_status(for_all, Evidence()).conditions
    assert "spec.defaults.exempt[0].predicate: it knows no expressions in CEL" in condition.message
    assert _accepted(_compiled("action-sets", world)) == {"for-all": "Accepted", "own": "Accepted"}


@pytest.mark.parametrize("dialect", ["kuadrant-v3", "action-sets"])
@pytest.mark.parametrize(
    ("response", "field"), [("headers: RateLimit", "headers"), ("retryAfter: false", "retryAfter")]
)
def test_only_our_own_module_can_be_told_what_to_tell_clients(
    dialect: str, response: str, field: str
) -> None:
    world = WORLD.replace("{limits: {all", f"{{response: {{{response}}}, limits: {{all")
    compilation = _compiled(dialect, world)
    for_all = next(fact for fact in compilation.policies if fact.policy.name == "for-all")
    (condition,) = policy_status(for_all, Evidence()).conditions
    assert (
        f"spec.defaults.response.{field}: it hands on what the rate limit service says" in condition.message
    )
    assert _accepted(_compiled("kuadrant-v4", world)) == {"for-all": "Accepted", "own": "Accepted"}


@pytest.mark.parametrize("dialect", ["kuadrant-v3", "rate-limit-policies", "action-sets"])
@pytest.mark.parametrize("spelling", ["mode: Soft", "boundary: Soft"])
def test_only_our_own_module_marks_what_is_over_a_soft_limit(dialect: str, spelling: str) -> None:
    world = WORLD.replace("all: {rates", f"all: {{{spelling}, rates")
    for_all = next(fact for fact in _compiled(dialect, world).policies if fact.policy.name == "for-all")
    (condition,) = policy_status(for_all, Evidence()).conditions
    assert condition.status == "False"
    assert "limits.all: it marks no request that is over a soft limit (mode Soft)" in condition.message
    assert _accepted(_compiled("kuadrant-v4", world)) == {"for-all": "Accepted", "own": "Accepted"}


@pytest.mark.parametrize("dialect", ["kuadrant-v3", "rate-limit-policies", "action-sets"])
def test_only_our_own_module_does_without_an_answer_as_a_limit_says(dialect: str) -> None:
    world = WORLD.replace("all: {rates", "all: {fallback: Allow, rates")
    for_all = next(fact for fact in _compiled(dialect, world).policies if fact.policy.name == "for-all")
    (condition,) = policy_status(for_all, Evidence()).conditions
    assert condition.status == "False"
    assert "limits.all.fallback: without an answer it does as the failure mode" in condition.message
    assert _accepted(_compiled("kuadrant-v4", world)) == {"for-all": "Accepted", "own": "Accepted"}


def test_what_it_would_keep_away_is_in_effect() -> None:
    compilation = _compiled("rate-limit-policies")
    (limit,) = compilation.limits
    assert (limit.name, limit.max_value) == ("all", 5)
    for_all = next(fact for fact in compilation.policies if fact.policy.name == "for-all")
    assert (for_all.paths, for_all.whole_paths) == (1, 1)


def test_without_one_policy_another_may_ask_for_too_much() -> None:
    world = WORLD.replace("all: {rates", "all: {when: [{predicate: 'true'}], rates")
    compilation = _compiled("rate-limit-policies", world)
    assert _accepted(compilation) == {"for-all": "Unsupported", "own": "Unsupported"}
    assert compilation.limits == ()


BROKEN = WORLD.replace("'x-user' in request.headers\"", 'true) || (true"')


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_policy_that_nobody_can_evaluate_is_not_told_to_any_module(dialect: str) -> None:
    assert _accepted(_compiled(dialect, BROKEN))["own"] == "Invalid"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_host_of_the_result_can_be_rendered(dialect: str) -> None:
    for program in _compiled(dialect).programs:
        for listener in program.listeners:
            assert DIALECTS[dialect].render(listener.hosts, Service("cluster"))


def test_every_known_official_release_has_a_dialect() -> None:
    assert {dialect for dialects in KNOWN.values() for dialect in dialects} == set(DIALECTS) - set(OWN)
