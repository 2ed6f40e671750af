"""A soft limit and the headers by which requests say that they are over it, in every spelling."""

from __future__ import annotations

import pytest

from kuadrant.policy.limitador_limits import limitador_limits

from .extended_limits import FIELD, RATES, policy, problems

SIGNAL = "softSignal: {headers: [{name: X-Class, value: slow}, {name: x-over, value: a}]}"


@pytest.mark.parametrize("version", RATES)
@pytest.mark.parametrize(
    ("limit", "annotation"),
    [
        ("mode: Soft, ", ""),
        ("boundary: Soft, ", ""),
        ("mode: Soft, boundary: Soft, ", ""),
        ("mode: Soft, ", "limits: {a: {boundary: Soft}}"),
        ("", "limits: {a: {mode: Soft}}"),
        ("", '{"limits": {"a": {"boundary": "Soft"}}}'),
    ],
)
def test_a_limit_is_soft_by_our_spelling_and_by_kuadrants_draft(
    version: str, limit: str, annotation: str
) -> None:
    read = policy(version, limit, annotation)
    assert problems(read) == []
    (soft,) = read.limits
    assert (soft.refuses, soft.is_enforced) == (False, False)
    assert soft.signals == (("x-kuadrant-limit-exceeded", "a"),)
    held = [*limitador_limits(soft, key="limit.a__00000000", scope="ns/r")]
    assert [(one.mode, one.percent, one.is_of_limitador) for one in held] == [("Soft", 0, False)] * 2


@pytest.mark.parametrize(
    ("limit", "annotation"),
    [(f"mode: Soft, {SIGNAL}, ", ""), (f"{SIGNAL}, ", "limits: {a: {mode: Soft}}")],
)
def test_the_headers_are_those_of_the_policy(limit: str, annotation: str) -> None:
    read = policy("v1", limit, annotation)
    assert problems(read) == []
    assert read.limits[0].signals == (("x-class", "slow"), ("x-over", "a"))


@pytest.mark.parametrize("limit", ["boundary: Hard, ", "mode: Enforce, boundary: Hard, ", ""])
def test_a_hard_limit_is_one_that_enforces(limit: str) -> None:
    read = policy("v1", limit)
    assert problems(read) == []
    assert (read.limits[0].is_enforced, read.limits[0].signals) == (True, ())
    held = [*limitador_limits(read.limits[0], key="limit.a__00000000", scope="ns/r")]
    assert all(one.is_of_limitador for one in held)


@pytest.mark.parametrize(
    ("limit", "annotation", "field", "message"),
    [
        (
            "mode: Shadow, boundary: Soft, ",
            "",
            "spec.limits.a.boundary",
            "is Soft, which is not the mode Shadow",
        ),
        ("mode: Soft, boundary: Hard, ", "", "spec.limits.a.boundary", "is Hard, which is not the mode Soft"),
        ("mode: Enforce, ", "limits: {a: {boundary: Soft}}", FIELD, "is Soft, which is not the mode Enforce"),
        (
            "boundary: Hard, ",
            "limits: {a: {boundary: Soft}}",
            FIELD,
            "is Soft, but the field of the limit is Hard",
        ),
        (f"{SIGNAL}, ", "", "spec.limits.a.softSignal", "is of a soft limit: add `mode: Soft`, or remove it"),
        (
            "mode: Soft, enforcePercent: 0, ",
            "",
            "spec.limits.a.enforcePercent",
            "is of a limit that enforces",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(limit: str, annotation: str, field: str, message: str) -> None:
    told = problems(policy("v1", limit, annotation))
    assert len(told) == 1, told
    assert (told[0][0], message in told[0][1]) == (field, True), told


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Authorization", "x-envoy-retry-on", "X-Forwarded-For", "cookie"]
)
def test_headers_that_others_trust_are_not_for_a_policy_to_say(name: str) -> None:
    signal = f"softSignal: {{headers: [{{name: {name}, value: a}}]}}"
    told = problems(policy("v1", "", f"limits: {{a: {{mode: Soft, {signal}}}}}"))
    assert [f'"{name}" is not for a policy to say' in message for _, message in told] == [True]


@pytest.mark.parametrize("value", ['""', '" a"', '"a\\nb"', "é"])
def test_a_value_is_a_line_of_printable_characters(value: str) -> None:
    signal = f"softSignal: {{headers: [{{name: x-a, value: {value}}}]}}"
    assert problems(policy("v1", "", f"limits: {{a: {{mode: Soft, {signal}}}}}")) != []
