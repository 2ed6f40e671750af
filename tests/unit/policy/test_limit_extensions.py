"""The algorithm of a limit, by a field or by the annotation of its policy."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from kuadrant.policy.limitador_limits import limitador_limits
from kuadrant.policy.policy_check import check

from .extended_limits import FIELD, RATES, policy, problems

OF_A_BUCKET = "of a TokenBucket: add `algorithm: TokenBucket`, or remove it"


@pytest.mark.parametrize("version", RATES)
@pytest.mark.parametrize("block", ["limits", "defaults", "overrides"])
@pytest.mark.parametrize(
    ("limit", "annotation"),
    [
        ("algorithm: TokenBucket, burst: 3, ", ""),
        ("", "limits: {a: {algorithm: TokenBucket, burst: 3}}"),
        ("", '{"limits": {"a": {"algorithm": "TokenBucket", "burst": 3}}}'),
        ("algorithm: TokenBucket, ", "limits: {a: {burst: 3}}"),
        ("burst: 3, ", "limits: {a: {algorithm: TokenBucket}}"),
        ("algorithm: TokenBucket, burst: 3, ", "limits: {a: {algorithm: TokenBucket, burst: 3}}"),
    ],
)
def test_field_and_annotation_say_the_same(version: str, block: str, limit: str, annotation: str) -> None:
    read = policy(version, limit, annotation, block)
    assert problems(read) == []
    held = tuple(limitador_limits(read.limits[0], key="limit.a__00000000", scope="ns/p"))
    assert [(one.algorithm, one.burst, one.max_value) for one in held] == [
        ("TokenBucket", 3, 5),
        ("TokenBucket", 3, 9),
    ]


@pytest.mark.parametrize("version", RATES)
@pytest.mark.parametrize("limit", ["", "algorithm: FixedWindow, "])
def test_a_fixed_window_is_what_the_service_is_told_without_words(version: str, limit: str) -> None:
    held = limitador_limits(policy(version, limit).limits[0], key="limit.a__00000000", scope="ns/p")
    assert {(one.algorithm, one.burst) for one in held} == {(UNSET, UNSET)}


@pytest.mark.parametrize(
    ("limit", "annotation", "field", "message", "at"),
    [
        (
            "algorithm: SlidingWindow, ",
            "limits: {a: {algorithm: TokenBucket}}",
            FIELD,
            '"limits.a.algorithm" is TokenBucket, but the field of the limit is SlidingWindow: leave one out',
            (1, 25),
        ),
        (
            "",
            "limits: {b: {algorithm: TokenBucket}}",
            FIELD,
            '"limits.b" is no limit of this policy, which has a',
            (1, 13),
        ),
        (
            "",
            "limits: {a: {algorithm: tokenbucket}}",
            FIELD,
            None,
            (1, 25),
        ),
        ("", "limits: {a: {brust: 1}}", FIELD, None, (1, 14)),
        ("", "limits: [", FIELD, None, None),
        ("burst: 3, ", "", "spec.limits.a.burst", f"is {OF_A_BUCKET}", (0, 0)),
        (
            "algorithm: SlidingWindow, ",
            "limits: {a: {burst: 3}}",
            FIELD,
            f'"limits.a.burst" is {OF_A_BUCKET}',
            (1, 21),
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place_and_the_policy_is_refused(
    limit: str, annotation: str, field: str, message: str | None, at: tuple[int, int] | None
) -> None:
    checked = check(policy("v1", limit, annotation))
    assert checked.refusal
    found = checked.problems[0]
    assert found.field == field
    assert message in (None, found.message)
    assert at in (None, found.at)
