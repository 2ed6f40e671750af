"""What a limit does where it has no room, by a field or by the annotation of its policy."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from kuadrant.api.documents import read as read_documents
from kuadrant.policy.limitador_limits import limitador_limits

from .extended_limits import FIELD, RATES, policy, problems

COUNTERS = {
    "v1beta2": "counters: [request.headers.x-user], ",
    "v1": "counters: [{expression: source.remote_address}], ",
}
WITHOUT_COUNTERS = (
    "is by the values of counters, and this limit has none: add `counters`, such as source.remote_address, "
    "or choose 0 or 100"
)
OF_ONE_THAT_ENFORCES = "is of a limit that enforces: remove it, or `mode: Shadow`"


@pytest.mark.parametrize("version", RATES)
@pytest.mark.parametrize(
    ("limit", "annotation"),
    [
        ("mode: Shadow, ", ""),
        ("", "limits: {a: {mode: Shadow}}"),
        ("", '{"limits": {"a": {"mode": "Shadow"}}}'),
        ("mode: Shadow, ", "limits: {a: {mode: Shadow}}"),
    ],
)
def test_a_shadow_limit_is_one_by_field_or_annotation(version: str, limit: str, annotation: str) -> None:
    read = policy(version, limit, annotation)
    assert problems(read) == []
    limits = [*limitador_limits(read.limits[0], key="limit.a__00000000", scope="ns/r")]
    assert [(one.mode, one.enforce_percent, one.percent) for one in limits] == [("Shadow", UNSET, 0)] * 2
    assert not read.limits[0].refuses


@pytest.mark.parametrize("version", RATES)
@pytest.mark.parametrize(
    ("limit", "annotation"),
    [
        ("enforcePercent: 25, ", ""),
        ("", "limits: {a: {enforcePercent: 25}}"),
        ("mode: Enforce, ", "limits: {a: {enforcePercent: 25}}"),
    ],
)
def test_a_percentage_is_one_by_field_or_annotation(version: str, limit: str, annotation: str) -> None:
    read = policy(version, COUNTERS[version] + limit, annotation)
    assert problems(read) == []
    limits = [*limitador_limits(read.limits[0], key="limit.a__00000000", scope="ns/r")]
    assert [(one.mode, one.enforce_percent, one.percent) for one in limits] == [(UNSET, 25, 25)] * 2
    assert read.limits[0].refuses


@pytest.mark.parametrize("limit", ["", "mode: Enforce, ", "enforcePercent: 100, "])
def test_a_limit_that_enforces_is_told_as_limitador_has_it(limit: str) -> None:
    read = policy("v1", limit)
    assert problems(read) == []
    limits = [*limitador_limits(read.limits[0], key="limit.a__00000000", scope="ns/r")]
    assert [(one.mode, one.enforce_percent, one.is_of_limitador) for one in limits] == [
        (UNSET, UNSET, True)
    ] * 2


@pytest.mark.parametrize(
    ("limit", "annotation", "field", "message"),
    [
        ("enforcePercent: 25, ", "", "spec.limits.a.enforcePercent", WITHOUT_COUNTERS),
        ("", "limits: {a: {enforcePercent: 25}}", FIELD, f'"limits.a.enforcePercent" {WITHOUT_COUNTERS}'),
        ("mode: Shadow, enforcePercent: 0, ", "", "spec.limits.a.enforcePercent", OF_ONE_THAT_ENFORCES),
        (
            "mode: Shadow, ",
            "limits: {a: {enforcePercent: 100}}",
            FIELD,
            f'"limits.a.enforcePercent" {OF_ONE_THAT_ENFORCES}',
        ),
        (
            "mode: Enforce, ",
            "limits: {a: {mode: Shadow}}",
            FIELD,
            '"limits.a.mode" is Shadow, but the field of the limit is Enforce: leave one out',
        ),
        (
            "enforcePercent: 0, ",
            "limits: {a: {enforcePercent: 100}}",
            FIELD,
            '"limits.a.enforcePercent" is 100, but the field of the limit is 0: leave one out',
        ),
    ],
)
def test_what_contradicts_itself_is_refused(limit: str, annotation: str, field: str, message: str) -> None:
    assert (field, message) in problems(policy("v1", limit, annotation))


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("mode: Quiet", "Quiet"),
        ("enforcePercent: 101", "101"),
        ("boundary: Medium", "Medium"),
        ("softSignal: {}", "headers"),
        ("shadowMode: true", "a limit that refuses nobody is `mode: Shadow`"),
        ("concurrency: {limit: 3}", "requests in flight are not limited"),
    ],
)
def test_what_there_is_not_is_refused_and_what_there_is_instead_is_told(limit: str, said: str) -> None:
    text = f"""
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: p, namespace: ns}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: Gateway, name: g}}
  limits: {{a: {{{limit}, {RATES["v1"]}}}}}
"""
    assert any(said in str(problem) for problem in read_documents([("a.yaml", text)]).problems)
    assert any(said in message for _, message in problems(policy("v1", "", f"limits: {{a: {{{limit}}}}}")))
