"""One bucket for several limits: whose they are, and which count together."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kuadrant.policy.buckets import apart, bucket_key, bucket_scope, counting
from kuadrant.policy.condition import Cost, ExpressionCounter
from kuadrant.policy.model import PolicyLimit, Rate

from .extended_limits import FIELD, RATES, policy, problems

LIMIT = PolicyLimit(
    "a", (Rate(5, 10), Rate(9, 60)), bucket="b", counters=(ExpressionCounter("request.path"),)
)


@pytest.mark.parametrize("version", RATES)
@pytest.mark.parametrize(("limit", "annotation"), [("bucket: b, ", ""), ("", "limits: {a: {bucket: b}}")])
def test_a_bucket_is_named_by_field_or_annotation(version: str, limit: str, annotation: str) -> None:
    read = policy(version, limit, annotation)
    assert problems(read) == []
    assert read.limits[0].bucket == "b"


@pytest.mark.parametrize("name", ["B", "a/b", "a:b", "''", "a" * 64])
def test_its_name_is_a_dns_label(name: str) -> None:
    assert problems(policy("v1", "", f"limits: {{a: {{bucket: {name}}}}}")) != []


def test_its_scope_is_of_its_namespace_and_no_policys_nor_routes() -> None:
    assert bucket_scope("ns", "b") == "ns/bucket:b"
    assert bucket_key("ns", LIMIT) != bucket_key("other", LIMIT)


@pytest.mark.parametrize(
    "other",
    [
        replace(LIMIT, name="x"),
        replace(LIMIT, rates=LIMIT.rates[::-1]),
        replace(LIMIT, counters=LIMIT.counters * 2),
    ],
)
def test_those_that_count_alike_have_one_key(other: PolicyLimit) -> None:
    assert bucket_key("ns", other) == bucket_key("ns", LIMIT)


@pytest.mark.parametrize(
    "other",
    [
        replace(LIMIT, rates=LIMIT.rates[:1]),
        replace(LIMIT, rates=(Rate(6, 10), Rate(9, 60))),
        replace(LIMIT, algorithm="SlidingWindow"),
        replace(LIMIT, counters=()),
        replace(LIMIT, mode="Shadow"),
        replace(LIMIT, mode="Soft"),
        replace(LIMIT, enforce_percent=50),
        replace(LIMIT, cost=Cost("2")),
        replace(LIMIT, algorithm="TokenBucket", burst=3),
    ],
)
def test_those_that_do_not_have_each_its_own(other: PolicyLimit) -> None:
    assert counting(other) != counting(LIMIT)
    assert bucket_key("ns", other) != bucket_key("ns", LIMIT)


def test_the_oldest_policy_says_how_it_counts() -> None:
    old, new, newest = (
        replace(policy("v1", "bucket: b, "), name=name, created=created)
        for name, created in (("z", "2026-01-01"), ("y", "2026-01-02"), ("x", "2026-01-03"))
    )
    other = replace(new, limits=(replace(new.limits[0], mode="Shadow"),))
    assert [*apart([newest, other, old], "b")] == [(other, other.limits[0], old)]
    assert [*apart([newest, new, old], "b")] == []


def test_a_policy_has_one_limit_of_each() -> None:
    text = "limits: {a: {bucket: b}, c: {bucket: b}}"
    read = policy("v1", "", text)
    assert [field for field, _ in problems(read)][:1] == [FIELD]
