"""What a limit says of requests that the rate limit service gives no answer to."""

from __future__ import annotations

import pytest

from .extended_limits import FIELD, RATES, policy, problems

OF_ONE_THAT_REFUSES = "is of a limit that refuses somebody: remove it, or `%s`"


@pytest.mark.parametrize("version", RATES)
@pytest.mark.parametrize("fallback", ["Deny", "Allow"])
@pytest.mark.parametrize(
    ("limit", "annotation"),
    [
        ("fallback: %s, ", ""),
        ("", "limits: {a: {fallback: %s}}"),
        ("fallback: %s, ", "limits: {a: {fallback: %s}}"),
    ],
)
def test_it_is_said_by_field_or_annotation(version: str, fallback: str, limit: str, annotation: str) -> None:
    read = policy(version, limit.replace("%s", fallback), annotation.replace("%s", fallback))
    assert problems(read) == []
    assert read.limits[0].fallback == fallback


def test_without_it_the_installation_decides() -> None:
    assert policy("v1").limits[0].fallback is None


@pytest.mark.parametrize("version", RATES)
@pytest.mark.parametrize("other", ["mode: Shadow", "mode: Soft", "enforcePercent: 0"])
def test_a_limit_that_refuses_nobody_has_none(version: str, other: str) -> None:
    read = policy(version, f"{other}, fallback: Allow, ")
    assert problems(read) == [("spec.limits.a.fallback", OF_ONE_THAT_REFUSES % other)]
    read = policy(version, f"{other}, ", "limits: {a: {fallback: Deny}}")
    assert problems(read) == [(FIELD, f'"limits.a.fallback" {OF_ONE_THAT_REFUSES % other}')]
    assert read.limits[0].fallback is None
