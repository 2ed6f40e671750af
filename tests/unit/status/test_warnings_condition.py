"""What is hardly meant is told in a condition of its own, and takes nothing from what else is said."""

from __future__ import annotations

import msgspec

from kuadrant.compiler import PolicyFacts
from kuadrant.policy.model import Policy, Problem, Target
from kuadrant.policy.policy_attachment import Acceptance
from kuadrant.status import WARNINGS, Evidence, PolicyStatus, policy_status, with_warnings

ACCEPTED = Acceptance("Accepted", "RateLimitPolicy has been accepted")


def facts(*messages: str, acceptance: Acceptance = ACCEPTED) -> PolicyFacts:
    return PolicyFacts(
        policy=Policy("ns", "p", Target("HTTPRoute", "ns", "route")),
        acceptance=acceptance,
        problems=tuple(
            Problem("warning", "RateLimitPolicy", "ns", "p", "spec.when[0]", text) for text in messages
        ),
    )


def status(of: PolicyFacts) -> PolicyStatus:
    return with_warnings(policy_status(of, Evidence()), of)


def test_without_warnings_there_is_no_such_condition() -> None:
    assert [one.type for one in status(facts()).conditions] == ["Accepted", "Enforced"]


def test_warnings_stand_beside_what_else_is_said() -> None:
    *others, condition = status(facts("is odd", "is strange")).conditions
    assert tuple(others) == status(facts()).conditions
    assert (condition.type, condition.status, condition.reason) == (WARNINGS, "True", "Warned")
    assert condition.message == "spec.when[0]: is odd; spec.when[0]: is strange"


def test_what_its_facts_do_not_have_is_told_with_them() -> None:
    more = Problem("warning", "RateLimitPolicy", "ns", "p", "spec.limits", "is new")
    of = facts("is odd")
    condition = with_warnings(policy_status(of, Evidence()), of, [more]).conditions[-1]
    assert condition.message == "spec.when[0]: is odd; spec.limits: is new"
    nothing = facts()
    assert with_warnings(policy_status(nothing, Evidence()), nothing, [more]).conditions[-1].type == WARNINGS


def test_why_a_policy_is_not_accepted_is_not_said_again() -> None:
    refused = facts("is odd", acceptance=msgspec.structs.replace(ACCEPTED, reason="Invalid"))
    assert [one.type for one in status(refused).conditions] == ["Accepted"]


def test_many_and_long_ones_fit_into_a_condition() -> None:
    message = status(facts(*["x" * 50_000] * 30)).conditions[-1].message
    assert len(message) < 32_768
    assert message.endswith("; and 25 more")
